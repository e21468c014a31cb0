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
    const watcher = new ResizeObserver((entries) => {
      for (const { target } of entries) mark(target, target.dataset.scrollLabel);
    });
    for (const [selector, label] of LABELS) {
      for (const box of document.querySelectorAll(selector)) {
        box.dataset.scrollLabel = label;
        watcher.observe(box);
      }
    }
    // Paper cannot be clicked: print with everything unfolded.
    addEventListener("beforeprint", () => {
      for (const fold of document.querySelectorAll("article details")) fold.open = true;
    });
  };

  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
