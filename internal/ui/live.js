// What moves on a page: countdowns, progress and tables by server-sent events, and boards whose pieces are dragged. Pages say the same without.
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
  for (const box of document.querySelectorAll('[data-feed]')) {
    const body = box.querySelector('tbody');
    const most = Number(box.dataset.most);
    const said = box.querySelector('.said');
    let came = 0;
    const events = new EventSource(box.dataset.feed);
    events.onmessage = (e) => {
      const row = document.createElement('tr');
      JSON.parse(e.data).cells.forEach(({ text, href, badge }, i) => {
        const cell = document.createElement(i ? 'td' : 'th');
        if (!i) cell.scope = 'row';
        const inner = href?.startsWith('/') ? document.createElement('a') : document.createElement('span');
        if (href?.startsWith('/')) inner.href = href;
        if (badge) inner.className = `slds-badge ${badge}`;
        inner.textContent = text;
        cell.append(inner);
        row.append(cell);
      });
      body.prepend(row);
      while (body.rows.length > most) body.lastElementChild.remove();
      box.querySelector('.none')?.remove();
      came += 1;
    };
    // One who listens is told now and then, not at each of a thousand.
    setInterval(() => {
      if (came === 0) return;
      said.hidden = false;
      said.textContent = `${unit(came, 'new row')}, on top.`;
      came = 0;
    }, 5000);
  }
  for (const board of document.querySelectorAll('[data-board]')) {
    const { pick, to, before, move, off } = board.dataset;
    const form = document.querySelector(`select[name="${CSS.escape(pick)}"]`).form;
    let dragged = null;
    for (const piece of board.querySelectorAll('[data-piece]')) {
      piece.draggable = true;
      piece.addEventListener('dragstart', (e) => {
        dragged = piece.dataset.piece;
        e.dataTransfer.effectAllowed = 'move';
        e.dataTransfer.setData('text/plain', dragged);
      });
      piece.addEventListener('dragend', () => (dragged = null));
    }
    for (const lane of board.querySelectorAll('[data-lane]')) {
      lane.addEventListener('dragover', (e) => {
        if (dragged === null) return;
        e.preventDefault();
        lane.classList.add('target');
      });
      lane.addEventListener('dragleave', () => lane.classList.remove('target'));
      lane.addEventListener('drop', (e) => {
        if (dragged === null) return;
        e.preventDefault();
        const away = lane.dataset.lane === '';
        form.elements[pick].value = dragged;
        if (!away) form.elements[to].value = lane.dataset.lane;
        form.elements[before].value = e.target.closest('[data-piece]')?.dataset.piece ?? '';
        form.requestSubmit(form.querySelector(`button[value="${CSS.escape(away ? off : move)}"]`));
      });
    }
  }
}
