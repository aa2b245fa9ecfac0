"""The colours of a city evening."""

Colour = tuple[int, int, int]

NIGHT: Colour = (24, 16, 58)
DUSK: Colour = (98, 44, 128)
GLOW: Colour = (244, 112, 98)
HAZE: Colour = (255, 190, 128)
SUN: Colour = (255, 236, 186)
FAR_CITY: Colour = (150, 74, 132)
NEAR_CITY: Colour = (74, 36, 98)
LIT: Colour = (255, 210, 120)

GROUND: Colour = (50, 42, 66)
BED: Colour = (66, 55, 82)
SLEEPER: Colour = (88, 66, 74)
RAIL: Colour = (206, 204, 220)
WALL: Colour = (44, 32, 70)
PANELS: tuple[Colour, ...] = ((214, 82, 104), (58, 130, 178), (238, 170, 74), (86, 158, 122), (132, 92, 180))

INK: Colour = (26, 20, 44)
WHITE: Colour = (255, 250, 242)
GOLD: Colour = (255, 204, 64)
GOLD_DARK: Colour = (214, 138, 24)
CORAL: Colour = (246, 98, 84)
CORAL_DARK: Colour = (206, 66, 66)
TEAL: Colour = (34, 164, 160)
TEAL_DARK: Colour = (20, 116, 122)
JEANS: Colour = (56, 76, 140)
JEANS_DARK: Colour = (42, 56, 110)
SKIN: Colour = (240, 190, 150)
HAIR: Colour = (70, 38, 30)
LIVERIES: tuple[tuple[Colour, Colour], ...] = (
    ((206, 56, 66), WHITE),
    ((40, 104, 180), (240, 214, 90)),
    ((50, 142, 98), WHITE),
)
"""Of trains: the body's colour and the stripe's."""
