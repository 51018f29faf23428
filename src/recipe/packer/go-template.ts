/** `{{ … }}` of Packer's own engine inside texts, as far as it says what is known here. Pure. */
import { NotPure } from './not-pure.ts';

export interface EngineValues {
  /** Where the guest finds the files that the recipe serves; absent where it cannot reach any. */
  readonly http?: { readonly ip: string; readonly port: string };
  readonly name: string;
  /** `{{ user `name` }}` of a JSON template. Throws `NotPure` where there is none. */
  readonly user?: (name: string) => string;
}

const CALL = /^(\w+)\s+(?:`([^`]*)`|"([^"]*)")$/;

/** The text with all of them replaced. Throws `NotPure` with the one that is not known. */
export function fillEngine(text: string, values: EngineValues): string {
  let filled = '';
  let at = 0;
  // Looked for by hand: an expression that passes over blanks on both sides takes cubic time where no end comes.
  for (;;) {
    const start = text.indexOf('{{', at);
    const end = start < 0 ? -1 : text.indexOf('}}', start + 2);
    if (end < 0) return filled + text.slice(at);
    const inside = text
      .slice(start + 2, end)
      .replace(/^-/, '')
      .replace(/-$/, '')
      .trim();
    filled += text.slice(at, start) + engineValue(inside, values);
    at = end + 2;
  }
}

function engineValue(inside: string, { http, name, user }: EngineValues): string {
  switch (inside) {
    case '.HTTPIP':
    case '.HTTPPort':
      if (http === undefined) throw new NotPure(`{{ ${inside} }}: the machine has no network to fetch files over`);
      return inside === '.HTTPIP' ? http.ip : http.port;
    case '.Name':
    case '.VMName':
    case 'build_name':
      return name;
    case 'template_dir':
      return '.';
    default:
  }
  const [, called, ticked, quoted] = CALL.exec(inside) ?? [];
  const argument = ticked ?? quoted;
  if (called === 'user' && argument !== undefined && user !== undefined) return user(argument);
  if (called === 'env') throw new NotPure('{{ env … }}: the environment of whoever builds is not read');
  throw new NotPure(`{{ ${inside.slice(0, 40)} }} is not known here`);
}
