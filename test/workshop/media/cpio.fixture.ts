/** Writes cpio archives of the "newc" form, to be read again. */
export interface CpioFile {
  readonly path: string;
  readonly data: string | Uint8Array;
  /** Whole st_mode; a regular file by default. */
  readonly mode?: number;
}

export function cpio(files: readonly CpioFile[]): Buffer {
  return Buffer.concat([...files, { path: 'TRAILER!!!', data: '', mode: 0 }].map((file) => entry(file)));
}

function entry({ path, data, mode = 0o100644 }: CpioFile): Buffer {
  const content = Buffer.from(data);
  const name = Buffer.from(`${path}\0`);
  const fields = [0, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return padded(Buffer.concat([padded(Buffer.concat([header, name])), content]));
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
