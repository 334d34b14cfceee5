// What moves on a page: countdowns, and progress by server-sent events. Pages say the same without.
'use strict';
{
  const unit = (n, name) => `${n} ${name}${n === 1 ? '' : 's'}`;
  const words = (s) => {
    const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
    const two = (a, b) => (b.startsWith('0 ') ? a : `${a}, ${b}`);
    if (d > 0) return two(unit(d, 'day'), unit(h, 'hour'));
    if (h > 0) return two(unit(h, 'hour'), unit(m, 'minute'));
    if (m > 0) return two(unit(m, 'minute'), unit(s % 60, 'second'));
    return unit(s, 'second');
  };
  for (const box of document.querySelectorAll('[data-left]')) {
    const end = performance.now() + Number(box.dataset.left) * 1000;
    const text = box.querySelector('.left');
    const tick = setInterval(() => {
      const left = Math.floor((end - performance.now()) / 1000);
      if (left > 0) {
        text.textContent = `${words(left)} left`;
        return;
      }
      clearInterval(tick);
      text.textContent = box.dataset.over || 'Over';
      box.classList.add('over');
    }, 1000);
  }
  for (const box of document.querySelectorAll('[data-live]')) {
    const bar = box.querySelector('[role=progressbar]');
    const events = new EventSource(box.dataset.live);
    box.querySelector('.again')?.setAttribute('hidden', '');
    events.onmessage = (e) => {
      const { percent, text } = JSON.parse(e.data);
      const n = Math.max(0, Math.min(100, Math.floor(percent)));
      bar.setAttribute('aria-valuenow', n);
      bar.querySelector('rect').setAttribute('width', n);
      box.querySelector('.percent').textContent = `${n} %`;
      box.querySelector('.text').textContent = text;
    };
    events.addEventListener('end', () => {
      events.close();
      location.reload();
    });
  }
}
