/** From a folder or file of Packer's to what recipe/packer makes of it. Reads within limits; runs nothing, and asks nobody. */
import path from 'node:path';
import { UsageError } from '../../errors.ts';
import { hclTemplate, type HclFile } from '../../recipe/packer/hcl-template.ts';
import { importTemplate, type Imported } from '../../recipe/packer/import.ts';
import { jsonTemplate } from '../../recipe/packer/json-template.ts';
import { NotPure } from '../../recipe/packer/not-pure.ts';
import { checkedValue, type Template } from '../../recipe/packer/template.ts';
import { Budget, isFields, isList, newFields, fieldOf, type Fields } from '../../recipe/packer/value.ts';
import { isPrivateHost } from '../../workshop/media/public-host.ts';
import { isFolder, readBounded, readPackerFolder, type PackerFolder } from './folder.ts';
import { startHclParser } from './hcl.ts';

export interface PackerImport {
  /** A folder with templates, or one template. */
  readonly source: string;
  readonly name?: string | undefined;
  readonly only?: string | undefined;
  readonly given: Readonly<Record<string, string>>;
  readonly variableFiles: readonly string[];
  readonly signal: AbortSignal;
}

/** Throws `packer/…` (exit code 2) where there is no template, or it is none. */
export async function importPacker({
  source,
  name,
  only,
  given,
  variableFiles,
  signal,
}: PackerImport): Promise<Imported> {
  const one = (await isFolder(source)) ? undefined : path.basename(source);
  const folder = await readPackerFolder(one === undefined ? source : path.dirname(source), signal);
  const template = await readTemplate(folder, one, { given, variableFiles, signal, source });
  const shown = path.basename(path.resolve(source));
  return importTemplate({ template, from: shown, name, only, read: folder.read, list: folder.list, isPrivateHost });
}

type Reading = Pick<PackerImport, 'given' | 'variableFiles' | 'signal' | 'source'>;

async function readTemplate(folder: PackerFolder, one: string | undefined, reading: Reading): Promise<Template> {
  const { given, signal, source } = reading;
  const budget = new Budget();
  const hcl =
    one === undefined
      ? folder.top.filter((file) => file.endsWith('.pkr.hcl'))
      : [one].filter((file) => file.endsWith('.pkr.hcl'));
  if (hcl.length === 0) {
    const json = one ?? onlyJson(folder, source);
    if (!json.endsWith('.json') || json.endsWith('.pkr.json')) {
      throw new UsageError(
        'packer/no-template',
        `${source} is no template: expected *.pkr.hcl, or an older template in JSON`,
        {
          ...(json.endsWith('.pkr.json') && { hint: 'HCL written as JSON is not read: write it as HCL.' }),
        },
      );
    }
    return jsonTemplate({ name: json, body: jsonBody(json, textOf(folder, json)), given, budget });
  }
  const parser = startHclParser(signal);
  try {
    const body = async (file: string, text: string): Promise<HclFile> => ({
      name: file,
      text,
      body: fieldsOf(file, file.endsWith('.json') ? parsedJson(file, text) : await parser.parse(file, text)),
    });
    const files: HclFile[] = [];
    for (const file of hcl) files.push(await body(file, textOf(folder, file)));
    const variables: HclFile[] = [];
    for (const file of folder.top.filter((name) => name.endsWith('.auto.pkrvars.hcl')))
      variables.unshift(await body(file, textOf(folder, file)));
    for (const file of reading.variableFiles) {
      const read = await readBounded(file);
      if ('why' in read) throw new UsageError('packer/unreadable', `${file} ${read.why}`);
      variables.unshift(await body(path.basename(file), read.text));
    }
    return hclTemplate({ files, variables, given, budget, file: folder.read });
  } finally {
    await parser.close();
  }
}

function onlyJson(folder: PackerFolder, source: string): string {
  const found = folder.top.filter((file) => file.endsWith('.json') && /"builders"\s*:/.test(folder.read(file)));
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  throw first === undefined
    ? new UsageError('packer/no-template', `${source} has no template: no *.pkr.hcl, and no JSON with "builders"`)
    : new UsageError('packer/several-templates', `${source} has ${found.length} templates in JSON: name one of them`, {
        facts: { templates: found },
      });
}

function textOf(folder: PackerFolder, file: string): string {
  try {
    return folder.read(file);
  } catch (error) {
    if (!(error instanceof NotPure)) throw error;
    throw new UsageError('packer/unreadable', error.message);
  }
}

function parsedJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.slice(0, 200) : 'it is no JSON';
    throw new UsageError('packer/bad-template', `${file}: ${why}`, { cause });
  }
}

function jsonBody(file: string, text: string): Fields {
  const body = fieldsOf(file, parsedJson(file, text));
  if (!isList(fieldOf(body, 'builders'))) throw new UsageError('packer/no-template', `${file} has no "builders"`);
  return body;
}

function fieldsOf(file: string, value: unknown): Fields {
  try {
    const checked = checkedValue(value);
    return isFields(checked) ? checked : newFields([]);
  } catch (error) {
    if (!(error instanceof NotPure)) throw error;
    throw new UsageError('packer/bad-template', `${file}: ${error.message}`);
  }
}
