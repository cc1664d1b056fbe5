import { stat } from 'node:fs/promises';

export interface FileVersion {
  /** Another text whenever the file was written, renamed over, or, by way of a symbolic link, exchanged for another. */
  readonly text: string;
  /** Since the epoch. */
  readonly modifiedAtMs: number;
}

/** Which version of a file is there now, without reading it. Rejects with the error of stat(2). */
export async function fileVersion(path: string): Promise<FileVersion> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return {
    text: [dev, ino, size, mtimeNs, ctimeNs].join(' '),
    modifiedAtMs: Number(mtimeNs / 1_000_000n),
  };
}
