from picture_pixels import *
from matplotlib.image import imsave


def test_dbg(served, open_console):
    served.bring()
    console = open_console()
    console.open_waiting()
    console.begin_matching()
    console.page.keyboard.press("v")
    imsave("/tmp/p0.png", pixels_of(console.page, "axial"))
    for _ in range(10):
        console.page.keyboard.press("ArrowRight")
    console.settled()
    imsave("/tmp/p1.png", pixels_of(console.page, "axial"))
    console.page.screenshot(path="/tmp/p2.png")
    import time

    time.sleep(1)
    imsave("/tmp/p3.png", pixels_of(console.page, "axial"))
    for a in "013":
        print(moved_px(imread("/tmp/p0.png")[:, :, :3], imread(f"/tmp/p{a}.png")[:, :, :3]))
