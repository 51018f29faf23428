/**
 * From provisioners to steps that a person could type at the guest's console. What each step types shows something other
 * than what it expects, so that its echo is not taken for its result. Pure.
 */
import { MAX_LINE_LENGTH } from '../limits.ts';
import type { Step } from '../types.ts';
import { MOUNTED, DISK_LABEL, type GuestFiles } from './guest-files.ts';
import { MAX_PROVISIONERS } from './limits.ts';
import { placeholders } from './marked.ts';
import { NotPure } from './not-pure.ts';
import { Settings, type Block } from './template.ts';
import type { EngineValues } from './go-template.ts';
import type { Verdict } from './verdict.ts';
import { fieldOf, isFields, isList, textOfValue, type Value } from './value.ts';

/** How the guest is got into, as the template's communicator says. */
export interface Access {
  readonly user: string;
  /** Absent where the template knows none that can be typed. */
  readonly password?: string;
  readonly timeout: string;
}

export interface ProvisionRequest {
  readonly blocks: readonly Block[];
  readonly builder: string;
  readonly engine: EngineValues;
  readonly access: Access | { readonly why: string };
  readonly shutdown: string | undefined;
  readonly files: GuestFiles;
  /** The text of a file of the folder. Throws `NotPure`. */
  readonly read: (path: string) => string;
}

export const UNSEEN = 'imported from a provisioner of Packer, and not run yet';

const NOT_OURS: ReadonlyMap<string, string> = new Map([
  ['shell-local', 'it runs on the host; nothing in a recipe does'],
  ['ansible', 'it runs Ansible on the host against the guest; nothing in a recipe runs on the host'],
  [
    'ansible-local',
    'it needs Ansible and a playbook in the guest: bring both on a disk of packages, and type the command',
  ],
  ['chef-solo', 'it needs Chef in the guest, from the network'],
  ['chef-client', 'it needs a Chef server'],
  ['puppet-masterless', 'it needs Puppet in the guest, from the network'],
  ['puppet-server', 'it needs a Puppet server'],
  ['salt-masterless', 'it needs Salt in the guest, from the network'],
  ['converge', 'it needs Converge in the guest, from the network'],
  ['inspec', 'it runs InSpec on the host'],
  ['powershell', 'it needs WinRM or SSH; a Windows guest can only be typed at'],
  ['windows-shell', 'it needs WinRM or SSH; a Windows guest can only be typed at'],
  ['windows-restart', 'it needs WinRM or SSH; type what restarts the guest, and say what shows then'],
  ['windows-update', 'it needs WinRM and the network'],
  ['breakpoint', 'a build here stops where a step fails, and asks'],
  ['sleep', 'there is no sleep: say what to wait for'],
]);

export interface Provisioned {
  readonly steps: readonly Step[];
  readonly verdicts: readonly Verdict[];
}

export function provision(request: ProvisionRequest): Provisioned {
  const verdicts: Verdict[] = [];
  const work: Step[] = [];
  const { blocks, access } = request;
  for (const [index, block] of blocks.entries()) {
    const what = `provisioner ${block.type}`;
    const say = (outcome: Verdict['outcome'], why: string): void =>
      void verdicts.push({ outcome, what, place: block.place(), why });
    try {
      if (index >= MAX_PROVISIONERS) throw new NotPure(`it is after the first ${MAX_PROVISIONERS}`);
      if (!isFor(block, request.builder)) {
        say('idle', 'it is for other builders');
        continue;
      }
      const reason = NOT_OURS.get(block.type);
      if (reason !== undefined) throw new NotPure(reason);
      if (block.type !== 'shell' && block.type !== 'file') throw new NotPure('this provisioner is unknown here');
      if ('why' in access) throw new NotPure(access.why);
      if (access.password === undefined)
        throw new NotPure('without a public ssh_password nobody can be logged in to run it');
      const { steps, missing } =
        block.type === 'shell' ? shell(block, request, work.length) : file(block, request, work.length);
      work.push(...steps);
      say(missing.length > 0 ? 'partly' : 'imported', missing.join('; '));
    } catch (error) {
      if (!(error instanceof NotPure)) throw error;
      say('refused', error.message);
    }
  }
  return { steps: 'why' in access ? [] : around(work, access, request), verdicts };
}

/** Getting in, the disk of files, the work, and the end. */
function around(work: readonly Step[], access: Access, { shutdown, files }: ProvisionRequest): Step[] {
  const login: Step = { id: 'login-prompt', not_run: UNSEEN, expect: { text: 'login:' }, timeout: access.timeout };
  if (access.password === undefined || (work.length === 0 && shutdown === undefined)) return [login];
  const root = access.user === 'root';
  const steps: Step[] = [
    { ...login, checkpoint: true },
    {
      id: 'user',
      not_run: UNSEEN,
      do: [{ type: access.user }, { key: 'enter' }],
      expect: { text: { regex: '[Pp]assword:' } },
    },
    {
      id: 'password',
      not_run: UNSEEN,
      do: [{ type: access.password, echo: false }, { key: 'enter' }],
      expect: { text: { regex: PROMPT(access.user) } },
    },
  ];
  if (Object.keys(files.all).length > 0 && work.length > 0) {
    const mount = `mkdir -p ${MOUNTED} && mount -o ro /dev/disk/by-label/${DISK_LABEL} ${MOUNTED}`;
    const line = root ? mount : `echo ${quoted(access.password)} | sudo -S sh -c '${mount}'`;
    steps.push(typedStep('disk', `${line}; echo disk-$?`, 'disk-0'));
  }
  steps.push(...work);
  if (shutdown !== undefined) {
    const acts = [{ type: shutdown }, { key: 'enter' }] as const;
    steps.push({ id: 'shutdown', not_run: UNSEEN, do: acts, expect: { event: 'shutdown', timeout: '5m' } });
  }
  return steps;
}

/** Prompts of shells: `user@host`, `host:~#`, `[user@host ~]$`. */
const PROMPT = (user: string): string => `${user.replaceAll(/[^\w]/g, '\\$&')}@|[a-z0-9-]:~ ?[#$]`;

function typedStep(id: string, line: string, shows: string, timeout?: string): Step {
  if (line.length > MAX_LINE_LENGTH) throw new NotPure(`its command is longer than ${MAX_LINE_LENGTH} characters`);
  const expect = { text: shows, ...(timeout !== undefined && { timeout }) };
  return { id, not_run: UNSEEN, do: [{ type: line }, { key: 'enter' }], expect };
}

/** Long enough for what a provisioner may install; it fails early where the guest does nothing any more. */
const PATIENCE = '30m';

interface Work {
  readonly steps: readonly Step[];
  readonly missing: readonly string[];
}

function shell(block: Block, request: ProvisionRequest, done: number): Work {
  const settings = new Settings(block, request.engine);
  const missing: string[] = [];
  const scripts = scriptsOf(settings, request.read);
  if (scripts.length === 0) throw new NotPure('it has neither inline nor scripts');
  const { as, unknown } = runner(block, request.access as Access);
  if (unknown) missing.push('its execute_command is not taken over: the script runs by sh');
  const environment = environmentOf(settings);
  for (const name of ['expect_disconnect', 'start_retry_timeout', 'pause_before', 'max_retries', 'valid_exit_codes'])
    if (settings.names.includes(name)) missing.push(`${name} is not taken over`);
  const steps = scripts.map(({ name, content }, index) => {
    const file = request.files.add(name, content);
    const id = `provision-${done + index + 1}`;
    const run = placeholders(`${as}${environment}sh ${MOUNTED}/${file}`);
    return typedStep(id, `${run}; echo ${id}-$?`, `${id}-0`, PATIENCE);
  });
  return { steps, missing };
}

function scriptsOf(settings: Settings, read: (path: string) => string): { name: string; content: string }[] {
  const inline = settings.texts('inline');
  const shebang = settings.text('inline_shebang');
  const paths = [...settings.texts('script'), ...settings.texts('scripts')];
  return [
    ...(inline.length > 0
      ? [{ name: 'inline.sh', content: `#!${shebang ?? '/bin/sh -e'}\nset -e\n${inline.join('\n')}\n` }]
      : []),
    ...paths.map((path) => ({ name: path, content: read(path) })),
  ];
}

/** `sudo` where the template's own command has it. */
function runner(block: Block, { user, password }: Access): { readonly as: string; readonly unknown: boolean } {
  const raw = fieldOf(block.fields, 'execute_command');
  if (raw === undefined) return { as: '', unknown: false };
  const command = textOfValue(block.evaluate(raw));
  if (!/\bsudo\b/.test(command)) return { as: '', unknown: !/\{\{\s*\.Vars\s*\}\}/.test(command) };
  if (user === 'root') return { as: '', unknown: false };
  const asks = /sudo\s+-S/.test(command) && password !== undefined;
  return { as: asks ? `echo ${quoted(password)} | sudo -S -E ` : 'sudo -E ', unknown: false };
}

function environmentOf(settings: Settings): string {
  const listed = settings.texts('environment_vars');
  const named: Value = settings.get('env') ?? {};
  const all = [
    ...listed,
    ...(isFields(named) && !isList(named)
      ? Object.entries(named).map(([key, value]) => `${key}=${textOfValue(value)}`)
      : []),
  ];
  if (all.length === 0) return '';
  return `env ${all
    .map((pair) => {
      const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(pair) ?? [];
      if (name === undefined || value === undefined) throw new NotPure('an entry of environment_vars is no NAME=value');
      return `${name}=${quoted(value)}`;
    })
    .join(' ')} `;
}

function quoted(text: string): string {
  if (/[\p{Cc}]/u.test(text)) throw new NotPure('a value with line breaks cannot be typed');
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function file(block: Block, { engine, files, read }: ProvisionRequest, done: number): Work {
  const settings = new Settings(block, engine);
  if (settings.text('direction') === 'download')
    throw new NotPure('nothing is fetched out of a guest: what is kept of it is its disk');
  const source = settings.text('source') ?? settings.texts('sources')[0];
  const content = settings.text('content');
  if (source === undefined && content === undefined) throw new NotPure('it has no source');
  const destination = settings.text('destination');
  if (destination === undefined) throw new NotPure('it has no destination');
  const name = files.add(source ?? 'file', content ?? read(source ?? ''));
  const id = `provision-${done + 1}`;
  return {
    steps: [typedStep(id, placeholders(`cp ${MOUNTED}/${name} ${quoted(destination)}; echo ${id}-$?`), `${id}-0`)],
    missing: [],
  };
}

/** `only` and `except`, by the builder's type, name, or both. */
function isFor({ fields }: Block, builder: string): boolean {
  const names = (value: Value | undefined): readonly Value[] => (isList(value) ? value : []);
  const means = (one: Value): boolean =>
    one === builder || (typeof one === 'string' && builder.split('.').includes(one));
  const only = names(fieldOf(fields, 'only'));
  return (only.length === 0 || only.some(means)) && !names(fieldOf(fields, 'except')).some(means);
}
