import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where the program is, undefined if it is not on the PATH. */
export function programOnPath(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
