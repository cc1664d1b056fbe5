/**
 * Foreign text, fit for a terminal and a column. Kubernetes' names are ASCII; anything else could be a control
 * character, change the direction of writing, or have another width than it counts.
 */
export function printable(text: string): string {
  return text.replaceAll(/[^ -~]/gu, '?');
}
