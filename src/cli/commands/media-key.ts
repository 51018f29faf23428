import { openHome } from '../../node/home.ts';
import {
  addMediaKey,
  checkFingerprint,
  listMediaKeys,
  mediaKeyIn,
  refuseTakenName,
  removeMediaKey,
} from '../../node/media-keys.ts';
import { UsageError } from '../../errors.ts';
import { yesOrNo } from '../confirm.ts';
import type { Context } from '../context.ts';
import { columns, fitting, printLine, printResult, table } from '../output.ts';

interface AddFlags {
  readonly name: string;
  readonly kind?: 'openpgp' | 'signify' | 'minisign';
  readonly fingerprint?: string;
}

/** Shows the fingerprint and asks; who gives it has compared it, and is not asked. */
export async function add(
  context: Context,
  file: string,
  { name, kind, fingerprint }: AddFlags,
): Promise<1 | undefined> {
  await refuseTakenName(name);
  const key = await mediaKeyIn(file, kind);
  if (fingerprint !== undefined) checkFingerprint(key, fingerprint);
  else {
    if (context.json || context.stdin.isTTY !== true) {
      throw new UsageError('media/key-unconfirmed', 'Nobody is here to compare the fingerprint of that key.', {
        hint: `compare it, and give it: --fingerprint ${key.fingerprint}`,
        facts: { fingerprint: key.fingerprint, owner: key.owner },
      });
    }
    for (const line of fitting(context, [
      `${key.kind} key ${key.fingerprint}`,
      `It says that it is of ${key.owner}. Nobody has checked that.`,
      'Compare the fingerprint with what its owner publishes, by another way than this file came.',
      `Every recipe with \`signed_by: ${name}\` will take what it has signed.`,
    ]))
      printLine(context, line);
    if (!(await yesOrNo(context, 'Is it the same? [y/N] '))) {
      printLine(context, 'Nothing was added.');
      return 1;
    }
  }
  await openHome(context.home);
  await addMediaKey(context.home, key, name, new Date());
  printResult(context, { name, kind: key.kind, fingerprint: key.fingerprint, owner: key.owner }, () =>
    fitting(context, [`${name}: ${key.kind} key ${key.fingerprint} may now vouch for media.`]),
  );
  return undefined;
}

export async function list(context: Context): Promise<undefined> {
  const keys = (await listMediaKeys(context.home)).map(({ name, origin, kind, fingerprint, owner, own }) => ({
    ...(name !== undefined && { name }),
    ...(origin !== undefined && { origin }),
    kind,
    fingerprint,
    owner,
    own,
  }));
  printResult(context, keys, () => [
    ...table(
      ['for', 'kind', 'added by', 'fingerprint'],
      keys.map(({ name, origin, kind, fingerprint, own }) => [
        name ?? `packages of ${origin}`,
        kind,
        own ? 'you' : 'portalgun',
        fingerprint,
      ]),
      columns(context),
    ),
  ]);
  return undefined;
}

export async function remove(context: Context, which: string): Promise<undefined> {
  const { name = '', fingerprint } = await removeMediaKey(context.home, which);
  printResult(context, { name, fingerprint }, () =>
    fitting(context, [`${name}: ${fingerprint} vouches for nothing any more.`]),
  );
  return undefined;
}
