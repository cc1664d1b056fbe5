/** Light and dark by what the reader's system says; one column that fits a phone. Colours are told apart by the colour-blind. */
export const STYLE = `:root {
  color-scheme: light dark;
  --ground: #fff; --text: #1a1f24; --faint: #5c6670; --line: #d5dade; --panel: #f5f7f8;
  --ok: #0b6b8a; --warn: #8a5a00; --bad: #b3261e; --old: #b9dcea; --wrong: #f4c7c3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181b; --text: #e4e8eb; --faint: #9aa5ae; --line: #343c43; --panel: #1d2327;
    --ok: #6cc5e3; --warn: #e5b04a; --bad: #ff8a80; --old: #1d4a5a; --wrong: #6b2a26;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 0 1rem 2rem; max-width: 64rem;
  background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
  overflow-anchor: none; /* status.js keeps what is read in its place */
}
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .75rem; border-bottom: 1px solid var(--line); }
h1 { font-size: 1.4rem; margin: .75rem 0; }
h2 { font-size: 1.15rem; margin: 1.5rem 0 .25rem; }
p { margin: .4rem 0; }
.product { margin-left: auto; color: var(--faint); font-size: .85rem; }
#live { color: var(--faint); font-size: .85rem; }
#live.warn { color: var(--warn); font-weight: 600; }
.stale #state { opacity: .4; }
/* A name that runs from right to left turns nothing but itself. */
.who, td, dd { unicode-bidi: isolate; }
.badge, .outcome { padding: .1rem .5rem; border: 1px solid currentcolor; border-radius: 1rem; font-size: .85rem; white-space: nowrap; }
.ok { color: var(--ok); }
.warn, .stalled { color: var(--warn); }
.bad, .reset, .problem { color: var(--bad); }
.problem { border-left: .25rem solid; padding-left: .5rem; }
.count, .none, .why, time, dt { color: var(--faint); }
.count { font-weight: normal; }
.break { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; background: var(--panel); }
.break > :not(summary) { margin: .5rem .75rem .75rem; }
summary { padding: .5rem .75rem; cursor: pointer; }
summary > * { margin-right: .5rem; }
.who { font-weight: 600; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: .3rem 1rem; margin: .5rem 0; }
dt { font-size: .8rem; }
dd { margin: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
caption { text-align: left; color: var(--faint); }
th, td { text-align: left; padding: .2rem .75rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
.advice { font-size: .9rem; }
.timeline { display: block; width: calc(100% - 1.5rem); max-width: 40rem; height: auto; font-size: 10px; }
/* A border in the ground's colour keeps words readable where a line crosses them. */
.timeline text { fill: var(--text); paint-order: stroke; }
.timeline .span { stroke: var(--panel); stroke-width: 3px; }
.timeline .label { font-weight: 600; font-size: 9.5px; }
.timeline .time, .timeline .lane { fill: var(--faint); }
.timeline .time { font-size: 8.5px; }
.timeline .start, .timeline .lane { text-anchor: start; }
.timeline .middle, .timeline .span, .timeline .word { text-anchor: middle; }
.timeline .end { text-anchor: end; }
.timeline .open { stroke: var(--ok); stroke-width: 3; }
.timeline .idle { stroke: var(--faint); stroke-width: 2; stroke-dasharray: 2 4; }
.timeline .gone, .timeline .cross { stroke: var(--bad); stroke-width: 3; fill: none; }
.timeline .tick { stroke: var(--line); }
.timeline .entry { fill: var(--old); }
.timeline .wrong { fill: var(--wrong); }
.timeline .void { fill: none; stroke: var(--faint); stroke-dasharray: 2 2; }
a { color: var(--ok); }
footer { margin-top: 2rem; border-top: 1px solid var(--line); font-size: .85rem; color: var(--faint); }
`;
