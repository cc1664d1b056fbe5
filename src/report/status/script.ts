import { PATHS } from './page.ts';

/**
 * Keeps the page current: when the agent says that something is new, the page is fetched again, and what is new in it is
 * put in place. What is being read is left alone: breaks that are open stay, also when the page has no room for them any
 * more, focus stays where it is, and what one looks at does not move.
 */
export const SCRIPT = `'use strict';
const RETRY_MS = 30_000;
const live = document.getElementById('live');
let fetching = false;
let again = false;

function say(text, isWrong) {
  live.hidden = false;
  live.className = isWrong ? 'warn' : '';
  if (live.textContent !== text) live.textContent = text;
  document.body.classList.toggle('stale', isWrong);
}

function lost() {
  if (!document.body.classList.contains('stale')) {
    say('not connected, as of ' + new Date().toISOString().slice(11, 19), true);
  }
}

async function refresh() {
  again = fetching;
  if (fetching) return;
  fetching = true;
  try {
    const response = await fetch(location.href, { cache: 'no-store' });
    if (!response.ok) throw new Error(response.statusText);
    const next = new DOMParser().parseFromString(await response.text(), 'text/html');
    document.title = next.title;
    const seen = anchor();
    for (const section of next.querySelectorAll('[data-live]')) {
      if (section.id === 'broken') replaceBreaks(section);
      else replace(document.getElementById(section.id), section);
    }
    if (seen) scrollBy(0, seen.element.getBoundingClientRect().top - seen.top);
    say('live', false);
  } catch {
    lost();
  } finally {
    fetching = false;
    if (again) refresh();
  }
}

// What is being read, and where it is: what has the focus, else what is open, else, below the top of the page, the first
// break in sight.
function anchor() {
  const inSight = [...document.querySelectorAll('.break')].filter((each) => {
    const { top, bottom } = each.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  });
  const element =
    inSight.find((each) => each.contains(document.activeElement)) ??
    inSight.find((each) => each.open) ??
    (scrollY > 0 ? inSight[0] : undefined);
  return element && { element, top: element.getBoundingClientRect().top };
}

function replace(present, next) {
  if (present.innerHTML !== next.innerHTML) present.replaceChildren(...next.childNodes);
}

function replaceBreaks(next) {
  const present = document.getElementById('broken');
  replace(present.querySelector('.head'), next.querySelector('.head'));
  const list = present.querySelector('.list');
  const wanted = new Set();
  let place = list.firstChild;
  for (const row of [...next.querySelectorAll('.break')]) {
    wanted.add(row.id);
    const known = document.getElementById(row.id);
    if (known) place = known.nextSibling;
    else list.insertBefore(row, place);
  }
  for (const row of [...list.children]) {
    if (!wanted.has(row.id) && !row.open && !row.contains(document.activeElement)) row.remove();
  }
}

function listen() {
  const stream = new EventSource('${PATHS.stream}');
  stream.addEventListener('changed', refresh);
  stream.addEventListener('error', () => {
    lost();
    // Refused: too many read already. The browser does not try that again by itself.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
  });
}

listen();
`;
