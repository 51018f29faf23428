/** Who one is: an identity, its key, and what becomes of it. */
import type { Command } from 'commander';
import { OFFLINE, type AddCommand } from './adding.ts';

export function addIdentity(program: Command, command: AddCommand): void {
  command(
    program,
    'init',
    'make an identity, its recovery key (shown once), and a policy',
    async () => (await import('../commands/identity.ts')).init,
  ).option('--passphrase', 'lock the key with a passphrase');
  command(
    program,
    'id',
    'who am I: author id, PeerId, addresses',
    async () => (await import('../commands/identity.ts')).id,
  )
    .option('--invite', 'print an invitation for others to add')
    .option('--qr', 'with --invite: as a QR code too');
  const key = program.command('key').description('your key: changed, recovered, revoked, kept');
  const keys = () => import('../commands/key.ts');
  command(key, 'show', 'which key signs your feed, and what is wrong with it', async () => (await keys()).show);
  command(key, 'rotate', 'go on under a new key', async () => (await keys()).rotate).option('--offline', OFFLINE);
  command(key, 'recover', 'take your feed back with the recovery key', async () => (await keys()).recover)
    .option('--author <id>', 'in a new home: whose feed')
    .option('--keep <record>', 'the last record to keep; what follows it is void (default: all that is here)')
    .option('--key-file <file>', 'read the recovery key from a file instead of the terminal')
    .option('--new-recovery-key', 'replace the recovery key too; it is shown before anything is signed')
    .option('--contest', 'against a recovery that somebody else has made with this key')
    .option('--offline', OFFLINE);
  command(key, 'revoke', 'end your feed: your key is not to be believed', async () => (await keys()).revoke)
    .requiredOption('--why <text>', 'the reason, for others to read')
    .option('--offline', OFFLINE);
  command(
    key,
    'passphrase',
    'lock the key with a passphrase, or with another one',
    async () => (await keys()).passphrase,
  ).option('--remove', 'let it lie open');
  command(key, 'backup <file>', 'keep a copy of your identity', async () => (await keys()).backup);
  command(key, 'restore <file>', 'put that copy into a new home', async () => (await keys()).restore);
}
