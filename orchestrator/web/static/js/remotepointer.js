/** The pointer of whoever plays, drawn for those who only look: the picture itself has no cursor in it. */

export class RemotePointer {
  /** `image` lies on the stage; `pictureBox()` is where the game's picture is in the window. */
  constructor({ image, stage, pictureBox }) {
    this._image = image;
    this._stage = stage;
    this._pictureBox = pictureBox;
    this._cursor = { visible: false };
    this._place = null;
    this._isWanted = false;
  }

  /** False while one's own pointer is the game's. */
  set isWanted(isWanted) {
    this._isWanted = isWanted;
    this.draw();
  }

  setCursor(message) {
    this._cursor = message;
    const isDrawn = message.visible && /^[A-Za-z0-9+/=]+$/.test(message.png ?? "");
    if (isDrawn) this._image.src = `data:image/png;base64,${message.png}`;
    else this._image.removeAttribute("src");
    this.draw();
  }

  moveTo(place) {
    this._place = place;
    this.draw();
  }

  /** To be called when the place of the picture has changed, too. */
  draw() {
    this._image.hidden = !(this._isWanted && this._place && this._image.hasAttribute("src"));
    if (this._image.hidden) return;
    const box = this._pictureBox();
    const stage = this._stage.getBoundingClientRect();
    const x = box.left - stage.left + this._place.x * box.width - (this._cursor.hot_x ?? 0);
    const y = box.top - stage.top + this._place.y * box.height - (this._cursor.hot_y ?? 0);
    this._image.style.transform = `translate(${x}px, ${y}px)`;
  }
}
