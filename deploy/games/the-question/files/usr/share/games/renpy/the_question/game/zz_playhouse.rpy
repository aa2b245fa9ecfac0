# How the game runs on a seat. The display has no window manager: the window is the display, and full screen is the browser's affair.

define config.developer = False
define config.console = False

init python:
    def _playhouse_window():
        renpy.display.can_fullscreen = False
        _preferences.fullscreen = False
        _preferences.maximized = False
        _preferences.physical_size = (config.screen_width, config.screen_height)
        _preferences.window_position = (0, 0)
        _preferences.window_position_layout = ((0, 0, config.screen_width, config.screen_height),)

    _playhouse_window()

# Started for nobody, it waits at its title and keeps nothing, until the file that PLAYHOUSE_WAITS names is there. Then somebody plays, and
# their save is in the home folder. What Ren'Py reads of it when it starts (main.py, from the save tokens on) is read now, in the same
# order: the keys that sign saves, what was seen and preferred, and the list of saves. The title is drawn anew from that.
init python:
    import json
    import os
    import time

    _playhouse_news = os.environ.get("PLAYHOUSE_WAITS")

    def _playhouse_look():
        if not os.path.exists(_playhouse_news):
            return
        config.periodic_callbacks.remove(_playhouse_look)
        with open(_playhouse_news) as news:
            player = json.load(news)
        os.environ["TZ"], os.environ["LANG"] = player["timezone"], player["language"]
        time.tzset()

        tokens = renpy.savetoken
        del tokens.signing_keys[:], tokens.verifying_keys[:]
        tokens.should_upgrade = False
        tokens.init()

        # Both objects are known all over the engine: what is in them changes, not which they are.
        renpy.persistent.backup.clear()
        renpy.persistent.persistent_mtime = 0
        loaded = renpy.persistent.init()
        preferred = renpy.game.preferences
        preferred.__dict__.clear()
        preferred.__dict__.update(loaded._preferences.__dict__)
        loaded._preferences = preferred
        renpy.game.persistent.__dict__.clear()
        renpy.game.persistent.__dict__.update(loaded.__dict__)
        default = renpy.game.script.translator.default_translates
        renpy.game.seen_translates_count = sum(1 for each in renpy.game.persistent._seen_translates if each in default)

        renpy.savelocation.init()
        renpy.loadsave.init()
        tokens.upgrade_all_savefiles()
        _playhouse_window()
        renpy.persistent.should_save_persistent = True
        renpy.full_restart(transition=False)

    if _playhouse_news and not os.path.exists(_playhouse_news):
        renpy.persistent.should_save_persistent = False
        config.periodic_callbacks.append(_playhouse_look)
