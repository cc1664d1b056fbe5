/** JSON leaves DEL and the C1 controls as they are; some terminals obey those. */
export function safeJson(value: object): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
