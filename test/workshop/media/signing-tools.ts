/** The distributions' own tools, as the second opinion: GnuPG, signify and minisign, each with keys made here. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readNumberedKey, type NumberedKey } from '../../../src/workshop/media/signify.ts';
import type { TestKey } from './test-archive.ts';

const run = promisify(execFile);

/** A folder that is gone when `work` is done. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'pg-sign-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whether the tool is content. Anything but exit status 0 is a no. */
export async function accepts(command: string, args: readonly string[]): Promise<boolean> {
  return run(command, [...args]).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && 'code' in error && typeof error.code === 'number') return false;
      throw error;
    },
  );
}

export interface ToolKey {
  readonly public: Buffer;
  readonly secret: Buffer;
}

export async function signifyKey(): Promise<ToolKey> {
  return inFolder(async (folder) => {
    const [pub, sec] = [join(folder, 'k.pub'), join(folder, 'k.sec')];
    await run('signify-openbsd', ['-G', '-n', '-p', pub, '-s', sec]);
    return { public: await readFile(pub), secret: await readFile(sec) };
  });
}

/** `embedded`: the signature stands before the content. */
export async function signify(content: Uint8Array, key: ToolKey, embedded: boolean): Promise<Buffer> {
  return inFolder(async (folder) => {
    const [sec, file, sig] = [join(folder, 'k.sec'), join(folder, 'file'), join(folder, 'file.sig')];
    await writeFile(sec, key.secret);
    await writeFile(file, content);
    await run('signify-openbsd', ['-S', ...(embedded ? ['-e'] : []), '-s', sec, '-m', file, '-x', sig]);
    return readFile(sig);
  });
}

/** What signify says was signed; undefined where it refuses. */
export async function signifyVerify(
  content: Uint8Array | undefined,
  signature: Uint8Array,
  publicKey: Uint8Array,
): Promise<Buffer | undefined> {
  return inFolder(async (folder) => {
    const [pub, file, sig] = [join(folder, 'k.pub'), join(folder, 'file'), join(folder, 'file.sig')];
    await writeFile(pub, publicKey);
    await writeFile(sig, signature);
    if (content !== undefined) await writeFile(file, content);
    const args = ['-V', '-q', ...(content === undefined ? ['-e'] : []), '-p', pub, '-x', sig, '-m', file];
    return (await accepts('signify-openbsd', args)) ? readFile(file) : undefined;
  });
}

export async function minisignKey(): Promise<ToolKey> {
  return inFolder(async (folder) => {
    const [pub, sec] = [join(folder, 'k.pub'), join(folder, 'k.sec')];
    await run('minisign', ['-G', '-W', '-p', pub, '-s', sec]);
    return { public: await readFile(pub), secret: await readFile(sec) };
  });
}

export async function minisign(content: Uint8Array, key: ToolKey, legacy: boolean, comment?: string): Promise<Buffer> {
  return inFolder(async (folder) => {
    const [sec, file] = [join(folder, 'k.sec'), join(folder, 'file')];
    await writeFile(sec, key.secret);
    await writeFile(file, content);
    const trusted = comment === undefined ? [] : ['-t', comment];
    await run('minisign', ['-S', ...(legacy ? ['-l'] : []), ...trusted, '-s', sec, '-m', file]);
    return readFile(`${file}.minisig`);
  });
}

export async function minisignAccepts(
  content: Uint8Array,
  signature: Uint8Array,
  publicKey: Uint8Array,
): Promise<boolean> {
  return inFolder(async (folder) => {
    const [pub, file, sig] = [join(folder, 'k.pub'), join(folder, 'file'), join(folder, 'file.minisig')];
    await writeFile(pub, publicKey);
    await writeFile(file, content);
    await writeFile(sig, signature);
    return accepts('minisign', ['-V', '-q', '-p', pub, '-x', sig, '-m', file]);
  });
}

/** `signature` undefined: a cleartext-signed file. */
export async function gpgvAccepts(
  content: Uint8Array,
  signature: Uint8Array | undefined,
  keys: readonly TestKey[],
): Promise<boolean> {
  return inFolder(async (folder) => {
    const [ring, file, sig] = [join(folder, 'ring.gpg'), join(folder, 'file'), join(folder, 'file.sig')];
    await writeFile(ring, Buffer.concat(keys.map((key) => Buffer.from(key.public.write()))));
    await writeFile(file, content);
    if (signature !== undefined) await writeFile(sig, signature);
    return accepts('gpgv', ['--keyring', ring, ...(signature === undefined ? [] : [sig]), file]);
  });
}

/** Signed by GnuPG itself, with a key that it has made: the armored public key and the signatures. */
export async function gpgSigned(
  content: Uint8Array,
): Promise<{ readonly key: string; readonly clear: Buffer; readonly armored: Buffer; readonly binary: Buffer }> {
  return inFolder(async (home) => {
    const gpg = (...args: string[]) =>
      run(
        'gpg',
        ['--homedir', home, '--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...args],
        {
          encoding: 'buffer',
        },
      );
    const file = join(home, 'file');
    await writeFile(file, content);
    try {
      await gpg('--quick-gen-key', 'Some Distribution <test@example.org>', 'ed25519', 'sign', 'never');
      const sign = async (...how: string[]) => (await gpg(...how, '--output', '-', file)).stdout;
      return {
        key: (await gpg('--armor', '--export')).stdout.toString(),
        clear: await sign('--clearsign'),
        armored: await sign('--armor', '--detach-sign'),
        binary: await sign('--detach-sign'),
      };
    } finally {
      await run('gpgconf', ['--homedir', home, '--kill', 'gpg-agent']).catch(() => undefined);
    }
  });
}

export function numbered(kind: NumberedKey['kind'], key: ToolKey): NumberedKey {
  const { comment, ...rest } = readNumberedKey(key.public);
  return { kind, owner: comment, ...rest };
}
