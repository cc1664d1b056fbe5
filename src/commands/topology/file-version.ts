import { stat } from 'node:fs/promises';

export interface FileVersion {
  /** Another text whenever the file was written, renamed over, or, by way of a symbolic link, exchanged for another. */
  readonly text: string;
  /** Since the epoch. */
  readonly modifiedAtMs: number;
  /** Else it may be a pipe: what was read is gone, and who opens it again can wait for ever. */
  readonly isRegular: boolean;
}

/** Which version of a file is there now, without reading it. Rejects with the error of stat(2). */
export async function fileVersion(path: string): Promise<FileVersion> {
  const found = await stat(path, { bigint: true });
  const { dev, ino, size, mtimeNs, ctimeNs } = found;
  const isRegular = found.isFile();
  return {
    text: isRegular ? [dev, ino, size, mtimeNs, ctimeNs].join(' ') : 'no regular file',
    modifiedAtMs: Number(mtimeNs / 1_000_000n),
    isRegular,
  };
}
