// What must be reached by keyboard on this page, and how what has the focus shows. Laid under every page of `test_pages_for_everybody`.
window.walk = (() => {
  const kinds = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  let all = [];

  function describe(element) {
    const name = element.getAttribute("aria-label") || element.textContent.trim().slice(0, 40) || element.id;
    return `<${element.localName}${element.id ? ` id=${element.id}` : ""}> ${name}`;
  }

  // In a dialog that is open only what lies in it counts; what is there for pointers alone says so by tabindex=-1.
  function begin() {
    const dialog = [...document.querySelectorAll("dialog:modal")].at(-1);
    all = [...(dialog ?? document).querySelectorAll(kinds)].filter(
      (element) =>
        element.tabIndex >= 0 &&
        !element.disabled &&
        !element.closest("[inert]") &&
        element.checkVisibility({ visibilityProperty: true }) &&
        !(element.type === "radio" && !element.checked),
    );
    return all.map(describe);
  }

  // A ring of two pixels or more on it or on what stands for it, such as the card around a link.
  function hasRing(element) {
    for (let each = element, steps = 0; each && steps < 4; each = each.parentElement, steps += 1) {
      const style = getComputedStyle(each);
      if (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) return true;
    }
    return false;
  }

  // Its middle, or one of its corners, lies in the window and under nothing else.
  function isUncovered(element) {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    const places = [
      [(left + right) / 2, (top + bottom) / 2],
      [left + 3, top + 3],
      [right - 3, top + 3],
      [left + 3, bottom - 3],
      [right - 3, bottom - 3],
    ];
    return places.some(([x, y]) => {
      const hit = document.elementFromPoint(x, y);
      return hit !== null && (element.contains(hit) || hit.contains(element) || [...(element.labels ?? [])].some((label) => label.contains(hit)));
    });
  }

  function isSeen(element) {
    return hasRing(element) && isUncovered(element);
  }

  function look() {
    const element = document.activeElement;
    const place = all.indexOf(element);
    return { place, name: describe(element), isSeen: isSeen(element), isStage: element.id === "stage" };
  }

  // Nothing moves or changes its colour any more.
  async function settle() {
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const moving = document.getAnimations().filter((each) => each.effect.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(moving.map((each) => each.finished));
  }

  return { begin, look, settle };
})();
