import { PATHS } from './page.ts';

/**
 * Keeps the page current: when the agent says that something is new, the page is fetched again, and of it the sections
 * that differ. What is open stays open.
 */
export const SCRIPT = `'use strict';
const live = document.getElementById('live');
let fetching = false;
let again = false;

function say(text) {
  live.hidden = false;
  live.textContent = text;
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
    for (const section of next.querySelectorAll('[data-live]')) replace(section);
    say('live');
  } catch {
    say('not connected');
  } finally {
    fetching = false;
    if (again) refresh();
  }
}

function replace(next) {
  const present = document.getElementById(next.id);
  for (const open of present.querySelectorAll('details[open]')) {
    const same = next.querySelector('#' + open.id);
    if (same) same.open = true;
  }
  if (present.innerHTML !== next.innerHTML) present.replaceChildren(...next.childNodes);
}

const stream = new EventSource('${PATHS.stream}');
stream.addEventListener('changed', refresh);
stream.addEventListener('error', () => say('not connected'));
`;
