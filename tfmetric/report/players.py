"""The script that plays a recording at the press of its button."""

SCRIPT = """
(() => {
  for (const button of document.querySelectorAll('button.play')) {
    const sound = button.querySelector('audio');
    const show = () => button.classList.toggle('on', !sound.paused);
    for (const event of ['play', 'pause', 'ended']) sound.addEventListener(event, show);
    button.addEventListener('click', () => {
      if (!sound.paused) { sound.pause(); return; }
      sound.currentTime = 0;
      sound.play();
    });
  }
})();
"""
