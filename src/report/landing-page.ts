const LINKS = [
  { path: '/metrics', what: 'metrics for Prometheus' },
  { path: '/healthz', what: 'whether the process works' },
  { path: '/readyz', what: 'whether it sees what it should, and if not why' },
];

/** The page at `/`: what this is and where to go. */
export function landingPage(version: string): string {
  const items = LINKS.map(({ path, what }) => `<li><a href="${path}">${path}</a> ${escapeHtml(what)}</li>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>conntrack-watchdog</title>
<h1>conntrack-watchdog ${escapeHtml(version)}</h1>
<p>Finds TCP connections through Kubernetes Services that break because the kernel lost their conntrack entry.</p>
<ul>
${items.join('\n')}
</ul>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
