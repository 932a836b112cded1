"""The script that marks each table wider than the page, which then says that it scrolls."""

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
