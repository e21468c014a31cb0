// What the browser is asked about a page. test_browser.py loads this into every page it opens.

const all = (selector) => [...document.querySelectorAll(selector)];
const beginning = (element) => element.outerHTML.slice(0, 120);

window.pageChecks = {
  fold(open) {
    for (const block of all("article details")) block.open = open;
  },

  // What sticks out to the right, unless it lies in a box that scrolls by itself. Of a formula the
  // unbreakable parts are asked, not the hundreds of boxes inside each.
  overflowing() {
    const width = document.documentElement.clientWidth;
    const clipped = (element) => {
      for (let p = element.parentElement; p && p !== document.body; p = p.parentElement)
        if (getComputedStyle(p).overflowX !== "visible") return true;
      return false;
    };
    const asked = ".bd-article-container *:not(.base *, .katex-mathml *), footer *";
    const found = all(asked)
      .filter((element) => {
        const box = element.getBoundingClientRect();
        return box.width > 0 && box.right > width + 1 && !clipped(element);
      })
      .map(beginning);
    if (document.documentElement.scrollWidth > width)
      found.unshift(`the page is ${document.documentElement.scrollWidth} wide, the window ${width}`);
    return found.slice(0, 5);
  },

  // A formula wider than the page must be a tab stop with a name, and no other may be one.
  unreachableFormulas() {
    return all(".math-scroll")
      .filter((e) => e.clientWidth > 0)
      .filter((e) => {
        const scrolls = e.scrollWidth > e.clientWidth + 1;
        return scrolls !== (e.tabIndex === 0 && !!e.getAttribute("aria-label"));
      })
      .map((e) => e.textContent.slice(0, 80));
  },

  visible(selector) {
    return all(selector).filter((e) => e.checkVisibility()).map(beginning);
  },

  // For axe, which would take minutes over them: two letters for each formula (hundreds of spans,
  // hidden from screen readers, beside MathML for them; they show its colour), and of the
  // spans that colour code the first of each kind on each background. Two, because axe does not
  // judge the colour of a single letter.
  simplify() {
    for (const formula of all(".katex")) formula.replaceChildren("xx");
    const kinds = new Set();
    for (const shown of all(".highlight pre")) {
      const background = getComputedStyle(shown).backgroundColor;
      const simple = shown.cloneNode(true);
      for (const span of simple.querySelectorAll("span")) {
        const kind = `${span.className} ${span.style.cssText} ${background}`;
        if (kinds.has(kind)) span.replaceWith(...span.childNodes);
        else if (span.textContent.length === 1) span.textContent = "xx";
        kinds.add(kind);
      }
      simple.normalize();
      shown.replaceChildren(...simple.childNodes);
    }
  },

  async violations(rules) {
    const found = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
    return found.violations.map(
      (v) => `${v.id} (${v.help}): ` + v.nodes.slice(0, 4).map((n) => n.html.slice(0, 160)).join(" | ")
    );
  },

  // What surrounds the text, alone: the text itself has been seen on a phone.
  emptyTheArticle() {
    document.querySelector("article")?.replaceChildren();
  },
};
