"""Pictures to packets. `port.py` says what an encoder is; x264 and the hardware ones are `h264.py`, libvpx is `vp8.py`,
and `choice.py` says which of them a codec gets on this machine.
"""
