/**
 * A Packer template as a draft of a recipe, and a row for each part of it: imported, partly, refused. Pure: the files of
 * the folder have been read before, and nothing of the template is run.
 *
 * The draft is a valid recipe. Where Packer waits blindly, its step expects `still` for as long, and says that it was never
 * run; `recipe harvest` puts what the screen shows there in its place.
 */
import { UsageError } from '../../errors.ts';
import { DEFAULT_KEYBOARD } from '../keyboards.ts';
import { parseRecipe } from '../parse.ts';
import { renderField } from '../render-yaml.ts';
import { MAX_CONDITION_PARTS } from '../limits.ts';
import type { CheckedRecipe, Condition, MachineSpec, Medium, Param, ServedFile, Step } from '../types.ts';
import { answerFiles } from './answers.ts';
import { blindSteps } from './blind-steps.ts';
import { parseBootCommand } from './boot-command.ts';
import type { EngineValues } from './go-template.ts';
import { durationUnits, recipeDuration } from './go-duration.ts';
import { GuestFiles } from './guest-files.ts';
import { MAX_VERDICTS } from './limits.ts';
import { BUILDERS, cpuCount, diskSize, firmwareOf, isoOf, judgeSetting, memorySize, moreDisks } from './machine.ts';
import { markersIn, parameterName, placeholders } from './marked.ts';
import { NotPure } from './not-pure.ts';
import { provision, type Access } from './provisioners.ts';
import { Settings, type Block, type Template } from './template.ts';
import { isList, textOfValue } from './value.ts';
import type { Verdict } from './verdict.ts';

export interface ImportRequest {
  readonly template: Template;
  /** Where it was read from, for people. */
  readonly from: string;
  /** What the recipe is called; default: after the builder. */
  readonly name?: string | undefined;
  /** The builder that is wanted: its type, its name or both, `qemu.debian`. */
  readonly only?: string | undefined;
  /** The text of a file of the folder, by its path from there. Throws `NotPure`. */
  readonly read: (path: string) => string;
  /** Paths below a folder of the folder. */
  readonly list: (folder: string) => readonly string[];
  /** Whether a host of an URL is an address of this machine or its own network. */
  readonly isPrivateHost: (hostname: string) => boolean;
}

export interface Imported {
  /** Absent where nothing is left that could be done. */
  readonly draft?: CheckedRecipe;
  /** Whose settings were read: `qemu.debian`. */
  readonly builder: string;
  readonly verdicts: readonly Verdict[];
  /** Rows that there was no room for. */
  readonly more: number;
  /** Where the template has its ISO from, and the file beside the recipe that it is to be. */
  readonly iso?: { readonly url: string; readonly file: string };
}

/** Throws `packer/no-builder` where no builder of the template is like this machine, `packer/same-parameter`, and `recipe/invalid` where it is too long. */
export function importTemplate(request: ImportRequest): Imported {
  const { template } = request;
  const verdicts: Verdict[] = [];
  const builder = chosen(request, verdicts);
  const engine: EngineValues = {
    name: builder.name,
    http: SERVED_AT,
  };
  const settings = new Settings(builder, engine);
  const say = (outcome: Verdict['outcome'], setting: string, why = ''): void =>
    void verdicts.push({ outcome, what: setting, place: builder.place(setting), why });
  /** What cannot be taken over leaves what there is without it. */
  function attempt<T>(setting: string, otherwise: T, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof NotPure)) throw error;
      say('refused', setting, error.message);
      return otherwise;
    }
  }
  const taken = (setting: string): void => {
    if (settings.names.includes(setting)) say('imported', setting);
  };

  const machine: MachineSpec = {
    arch: 'x86_64',
    memory: attempt('memory', memorySize(undefined), () => memorySize(settings.get('memory'))),
    cpus: attempt('cpus', 1, () => cpuCount(settings.get('cpus'))),
    firmware: attempt('firmware', 'bios' as const, () => firmwareOf(builder.type, settings) ?? 'bios'),
    network: 'none',
    keyboard: DEFAULT_KEYBOARD,
    disks: [
      { id: 'root', size: attempt('disk_size', diskSize(undefined), () => diskSize(settings.get('disk_size'))) },
      ...attempt('disk_additional_size', [], () => moreDisks(settings))
        .slice(0, 6)
        .map((size, index) => ({ id: `disk-${index + 2}`, size })),
    ],
  };
  const isRefused = (setting: string): boolean =>
    verdicts.some(({ outcome, what }) => outcome === 'refused' && what === setting);
  for (const setting of ['memory', 'cpus', 'disk_size', 'disk_additional_size'])
    if (!isRefused(setting)) taken(setting);
  if (machine.firmware === 'uefi') say('imported', 'firmware', 'OVMF without Secure Boot, with a fresh variable store');

  const files = new GuestFiles();
  const served = answerFiles(settings, request, files, say);

  const iso = attempt('iso_url', undefined, () => isoOf(settings, request.isPrivateHost));
  if (iso !== undefined) {
    const beside = 'file' in iso.medium ? `; give it as ${iso.medium.file} beside the recipe` : '';
    say('partly', 'iso_url', `${iso.says}${beside}`);
  }

  let asked = '';
  const blind = attempt('boot_command', undefined, () => {
    const command = bootCommandOf(settings);
    asked = command;
    const wait = settings.text('boot_wait') ?? '10s';
    const waitMs = durationUnits(wait) ?? (/^-?\d+$/.test(wait) ? Number(wait) / 1e6 : undefined);
    if (waitMs === undefined) throw new NotPure('boot_wait is no time');
    const result = blindSteps(parseBootCommand(command), Math.max(waitMs, 1_000));
    const waits = 'every wait is still blind: portalgun recipe harvest sees what shows there';
    say('partly', 'boot_command', [waits, ...result.missing].join('; '));
    return result;
  });

  const access = accessOf(settings, say);
  const shutdown = attempt('shutdown_command', undefined, () => {
    const command = settings.text('shutdown_command');
    return command === undefined || command === '' ? undefined : placeholders(command);
  });
  if (shutdown !== undefined) {
    const loggedIn = !('why' in access) && access.password !== undefined;
    if (loggedIn) say('imported', 'shutdown_command');
    else say('refused', 'shutdown_command', 'nobody is logged in to type it');
  }
  const provisioned = provision({
    blocks: template.provisioners,
    builder: `${builder.type}.${builder.name}`,
    engine,
    access,
    shutdown,
    files,
    read: request.read,
  });
  verdicts.push(...provisioned.verdicts, ...template.postProcessors.map(postProcessor));
  settingRows(settings, builder, verdicts);
  verdicts.push(...template.refused().map((one): Verdict => ({ outcome: 'refused', ...one })));

  const steps = serving(served, blind?.steps ?? [], provisioned.steps, asked);
  const ends = steps.some(({ expect }) => expect !== undefined && 'event' in expect);
  const nothing = steps.length === 0 || iso === undefined;
  const draft = nothing
    ? undefined
    : draftOf(request, builder, {
        media: {
          ...(iso && { iso: iso.medium }),
          ...(Object.keys(files.all).length > 0 && { files: { files: files.all, layout: 'usb-fat' as const } }),
        },
        machine,
        steps,
        outputs: ends ? [{ disk: 'root', as: 'image' }] : [],
        says: iso?.says,
      });
  const shown = verdicts.slice(0, MAX_VERDICTS);
  return {
    ...(draft !== undefined && { draft }),
    builder: `${builder.type}.${builder.name}`,
    verdicts: shown,
    more: verdicts.length - shown.length,
    ...(iso !== undefined && 'file' in iso.medium && { iso: { url: iso.url, file: iso.medium.file } }),
  };
}

/** Where a guest finds what a recipe serves (docs/recipe.md). */
const SERVED_AT = { ip: '10.0.2.2', port: '80' };

/** The one that is asked for, or the first of the builder that is most like this machine. */
function chosen({ template, only, from }: ImportRequest, verdicts: Verdict[]): Block {
  const ours = template.builders.filter(({ type }) => BUILDERS.includes(type));
  const wanted = ours.filter(({ type, name }) => only === undefined || [type, name, `${type}.${name}`].includes(only));
  const [first] = wanted.toSorted((a, b) => BUILDERS.indexOf(a.type) - BUILDERS.indexOf(b.type));
  const names = [...new Set(template.builders.map(({ type, name }) => `${type}.${name}`))];
  if (first === undefined) {
    throw new UsageError(
      'packer/no-builder',
      `${from}: ${only === undefined ? 'no builder that installs from an ISO' : `no builder ${JSON.stringify(only)}`}`,
      {
        hint: `It has ${names.length === 0 ? 'none' : names.slice(0, 8).join(', ')}; ${BUILDERS.join(', ')} can be imported.`,
        facts: { builders: names },
      },
    );
  }
  for (const one of template.builders) {
    if (one === first) continue;
    const why = BUILDERS.includes(one.type)
      ? `one builder is imported at a time; this one with --only ${one.type}.${one.name}`
      : 'it does not install from an ISO on a machine of this host';
    verdicts.push({
      outcome: BUILDERS.includes(one.type) ? 'idle' : 'refused',
      what: `${one.type}.${one.name}`,
      place: one.place(),
      why,
    });
  }
  return first;
}

/** `boot_steps` are boot commands with words for people beside them. */
function bootCommandOf(settings: Settings): string {
  const steps = settings.get('boot_steps');
  const commands = isList(steps) ? steps.map((one) => textOfValue((isList(one) ? one[0] : one) ?? null)) : [];
  return [...settings.texts('boot_command'), ...commands].join('');
}

/** All is there from the beginning. What the boot command names must have been fetched by the time the guest is up. */
function serving(served: readonly ServedFile[], blind: readonly Step[], later: readonly Step[], asked: string): Step[] {
  const [first, ...rest] = blind;
  if (first === undefined || served.length === 0) return [...blind, ...later];
  const [next, ...others] = later;
  const fetched = served
    .filter(({ file }) => asked.includes(`/${file}`))
    .map(({ file }): Condition => ({ fetched: file }));
  const up: Step[] =
    next?.expect === undefined || fetched.length === 0
      ? [...later]
      : [{ ...next, expect: { all: [...fetched.slice(0, MAX_CONDITION_PARTS - 1), next.expect] } }, ...others];
  return [{ ...first, do: served.map((serve) => ({ serve })) }, ...rest, ...up];
}

type Say = (outcome: Verdict['outcome'], setting: string, why?: string) => void;
function accessOf(settings: Settings, say: Say): Access | { readonly why: string } {
  try {
    const communicator = settings.text('communicator') ?? 'ssh';
    if (communicator === 'none') return { why: 'there is no way into the guest: the communicator is none' };
    if (communicator !== 'ssh')
      throw new NotPure(`there is no ${communicator.slice(0, 20)}: a guest is reached by its keyboard and screen`);
    const user = settings.text('ssh_username');
    if (user === undefined) throw new NotPure('there is no ssh_username');
    if (!/^[A-Za-z_][\w.-]{0,31}$/.test(user)) throw new NotPure('ssh_username is no name of a user');
    const wait = settings.text('ssh_timeout') ?? settings.text('ssh_wait_timeout') ?? '5m';
    const timeout = recipeDuration(Math.min(durationUnits(wait) ?? 300_000, 6 * 3_600_000));
    const password = settings.text('ssh_password');
    const typable = password !== undefined && markersIn(password).length === 0 ? placeholders(password) : undefined;
    const how = 'the guest is got into at its console, not by SSH';
    say(
      'partly',
      'communicator',
      typable === undefined ? `${how}; without a public ssh_password nobody is logged in` : how,
    );
    return { user, timeout, ...(typable !== undefined && { password: typable }) };
  } catch (error) {
    if (!(error instanceof NotPure)) throw error;
    say('refused', 'communicator', error.message);
    return { why: `there is no way into the guest: ${error.message}` };
  }
}

function postProcessor(block: Block): Verdict {
  const own = /^(manifest|checksum)$/.test(block.type);
  return {
    outcome: own ? 'idle' : 'refused',
    what: `post-processor ${block.type}`,
    place: block.place(),
    why: own
      ? 'a build here is measured by itself: portalgun images show'
      : block.type === 'shell-local'
        ? 'it runs on the host; nothing in a recipe does'
        : 'no image is made for others: each builds it for themselves',
  };
}

/** A row for each setting that is refused, and one for all that change nothing. */
function settingRows(settings: Settings, builder: Block, verdicts: Verdict[]): void {
  const idle: string[] = [];
  for (const name of settings.names) {
    const judged = judgeSetting(name);
    if (judged === 'idle') idle.push(name);
    else if (judged !== 'read')
      verdicts.push({
        outcome: 'refused',
        what: /^[\w.-]+$/.test(name) ? name : JSON.stringify(name),
        place: builder.place(name),
        why: judged.why,
      });
  }
  const rest = idle.filter(
    (name) => !['communicator', 'ssh_username', 'ssh_password', 'ssh_timeout', 'name', 'type'].includes(name),
  );
  if (rest.length > 0)
    verdicts.push({
      outcome: 'idle',
      what: `${rest.length} more`,
      place: builder.place(),
      why: rest.join(', '),
    });
}

interface DraftParts {
  readonly media: Readonly<Record<string, Medium>>;
  readonly machine: MachineSpec;
  readonly steps: readonly Step[];
  readonly outputs: readonly { readonly disk: string; readonly as: string }[];
  readonly says: string | undefined;
}

function draftOf({ template, from, name }: ImportRequest, builder: Block, parts: DraftParts): CheckedRecipe {
  const { media, machine, steps, outputs, says } = parts;
  const used = new Set([...JSON.stringify(steps).matchAll(/\{\{(\w+)\}\}/g)].map(([, one]) => one));
  const params: Record<string, Param> = {};
  const variables = new Map<string, string>();
  for (const [variable, { summary }] of template.parameters) {
    const called = parameterName(variable);
    if (!used.has(called)) continue;
    const other = variables.get(called);
    if (other !== undefined) throw sameParameter(other, variable, called);
    variables.set(called, variable);
    params[called] = { type: 'string', summary: oneLine(summary ?? `${variable} of the template`) };
  }
  const called = recipeName(name ?? builder.name);
  const fields = {
    recipe: 1,
    name: called,
    version: '0.1.0',
    summary: oneLine(`${builder.name}, imported from a Packer template`),
    media,
    ...(Object.keys(params).length > 0 && { params }),
    machine,
    // As Packer has it. A fixed one is the person's choice: what a build fetches may be signed later than that.
    ...(outputs.length > 0 && { reproducible: { clock: 'host' } }),
    defaults: { timeout: '60s', retries: 0 },
    steps,
    ...(outputs.length > 0 && { outputs }),
  };
  const comments = [
    `Imported from ${oneLine(from)}, a template of Packer's: docs/importing.md.`,
    ...(says === undefined ? [] : [`The ISO is ${says}.`]),
  ];
  const source = [
    ...comments.map((line) => `# ${line}\n`),
    ...Object.entries(fields).map(([key, value]) => renderField(key, value, 0)),
  ].join('');
  return parseRecipe(source, `${called}.yaml`);
}

/** Two values typed as one would be another image than the template's. */
function sameParameter(one: string, other: string, called: string): UsageError {
  return new UsageError(
    'packer/same-parameter',
    `The variables ${oneLine(one)} and ${oneLine(other)} would both be the parameter ${called}.`,
    { hint: 'give one of them its value: --var NAME=VALUE', facts: { variables: [one, other], parameter: called } },
  );
}

function oneLine(text: string): string {
  return text
    .normalize('NFC')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]+/gu, ' ')
    .replaceAll('{{', '{ {')
    .trim()
    .slice(0, 160);
}

function recipeName(text: string): string {
  const plain = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 60);
  return plain === '' ? 'imported' : plain;
}
