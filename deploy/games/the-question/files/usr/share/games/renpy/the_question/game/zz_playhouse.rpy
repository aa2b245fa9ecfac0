# How the game runs on a seat. The display has no window manager: the window is the display, and full screen is the browser's affair.

define config.developer = False
define config.console = False

init python:
    renpy.display.can_fullscreen = False
    _preferences.fullscreen = False
    _preferences.maximized = False
    _preferences.physical_size = (config.screen_width, config.screen_height)
    _preferences.window_position = (0, 0)
    _preferences.window_position_layout = ((0, 0, config.screen_width, config.screen_height),)
