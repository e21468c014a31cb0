// A box that scrolls sideways must be reachable by keyboard; one that fits should not be a tab stop.
(() => {
  const LABELS = [
    [".math-scroll", "Formula, scrolls sideways"],
    [".pst-scrollable-table-container", "Table, scrolls sideways"],
    ["div.highlight pre", "Code or output, scrolls sideways"],
  ];

  const mark = (box, label) => {
    const scrolls = box.scrollWidth > box.clientWidth + 1;
    if (scrolls) {
      box.setAttribute("tabindex", "0");
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", label);
    } else {
      ["tabindex", "role", "aria-label"].forEach((name) => box.removeAttribute(name));
    }
  };

  const start = () => {
    const boxes = LABELS.flatMap(([selector, label]) =>
      [...document.querySelectorAll(selector)].map((box) => [box, label]));
    const markAll = () => boxes.forEach(([box, label]) => mark(box, label));
    // A box changes with the window, and its contents when a fold opens or a font arrives.
    const watcher = new ResizeObserver(markAll);
    for (const [box] of boxes) {
      watcher.observe(box);
      if (box.firstElementChild) watcher.observe(box.firstElementChild);
    }
    document.fonts.ready.then(markAll);
    // Paper cannot be clicked: print with everything unfolded.
    addEventListener("beforeprint", () => {
      for (const fold of document.querySelectorAll("article details")) fold.open = true;
    });
  };

  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
