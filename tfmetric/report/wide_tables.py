"""The script that marks tables wider than the page, which then show a scroll hint."""

SCRIPT = """
(() => {
  const mark = () => {
    for (const box of document.querySelectorAll('.scroll'))
      box.classList.toggle('wide', box.scrollWidth > box.clientWidth + 1);
  };
  mark();
  addEventListener('resize', mark);
})();
"""
