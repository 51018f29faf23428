import { openHome } from '../../node/home.ts';
import { createIdentity, requireNone } from '../../node/identity-files.ts';
import { firstConfigText } from '../../node/config.ts';
import { writeFileAtomic } from '../../node/atomic.ts';
import { connect } from '../../node/connect.ts';
import { defaultPolicyText } from '../../exchange/trust/policy.ts';
import type { Context } from '../context.ts';
import { note, paint, printLine, printResult } from '../output.ts';
import { access } from 'node:fs/promises';
import path from 'node:path';

export async function init(context: Context, flags: { passphrase?: boolean }): Promise<undefined> {
  const { home } = context;
  await openHome(home);
  await requireNone(home); // before anybody is asked for anything
  const passphrase = flags.passphrase ? await home.passphrase(true) : undefined;
  const { identity, recoveryKey } = await createIdentity(home, passphrase);
  await writeIfAbsent(path.join(home.config, 'config.yaml'), firstConfigText());
  await writeIfAbsent(home.policyFile, defaultPolicyText());
  printResult(context, { author: identity.author, home: home.root, recoveryKey, policy: home.policyFile }, () => [
    `You are ${identity.author}`,
    '',
    'Recovery key, shown this once. Write it on paper: with it you take your feed',
    'back when this machine is lost or its key is stolen. Whoever has it can do the',
    'same.',
    '',
    `  ${paint(context, 'stdout', 'bold', recoveryKey)}`,
    '',
    `Home:   ${home.root}`,
    `Policy: ${home.policyFile}`,
    '        Nothing is automatic until it says so.',
    `Next:   portalgun build recipes/debian-12-tiny.yaml`,
  ]);
  return undefined;
}

interface Invitation {
  readonly author: string;
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly network: string;
  readonly invitation: string;
}

export async function id(context: Context, flags: { invite?: boolean; qr?: boolean }): Promise<undefined> {
  const home = await connect(context.home);
  const mine = await home.call<Invitation>('id', {}, context.signal);
  if (flags.invite && !context.json) {
    printLine(context, mine.invitation);
    if (flags.qr) for (const line of (await import('../qr.ts')).qrLines(mine.invitation)) printLine(context, line);
    if (mine.addresses.length === 0) {
      note(context, 'It holds no address: no node runs here (portalgun node start, then ask again).');
    }
    return undefined;
  }
  printResult(context, mine, (value) => [
    `author   ${value.author}`,
    `peer id  ${value.peerId}`,
    `network  ${value.network}`,
    ...(value.addresses.length > 0
      ? value.addresses.map((address) => `address  ${address}`)
      : ['address  none: no node runs for this home (portalgun node start)']),
  ]);
  return undefined;
}

async function writeIfAbsent(file: string, text: string): Promise<void> {
  try {
    await access(file);
  } catch {
    await writeFileAtomic(file, text); // absent: the first init of this home
  }
}
