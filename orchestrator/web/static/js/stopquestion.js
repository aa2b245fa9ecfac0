/** Asks before a game that is played is stopped, since what was not saved in it is lost. Whatever is no yes goes on with it. */
export class StopQuestion {
  constructor({ dialog, stage, onYes }) {
    this._dialog = dialog;
    // Its form fills it, so that what is clicked beside that is beside the question; the second half of a double click asked it.
    dialog.addEventListener("click", ({ target, detail }) => target === dialog && detail < 2 && this.close());
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "stop") onYes();
      else stage.focus({ preventScroll: true });
    });
  }

  ask() {
    document.exitPointerLock?.(); // a captured mouse could press nothing
    this._dialog.returnValue = "";
    this._dialog.showModal();
  }

  close() {
    this._dialog.close();
  }
}
