/** Arguments of operations come from outside: `unknown` until checked here. */
import { isDigest, type Digest } from '../../crypto/digest.ts';
import { UsageError } from '../../errors.ts';

export class Arguments {
  readonly #operation: string;
  readonly #values: ReadonlyMap<string, unknown>;

  /** Throws `control/bad-argument` unless `values` is an object. */
  constructor(operation: string, values: unknown) {
    this.#operation = operation;
    if (typeof values !== 'object' || values === null || Array.isArray(values))
      this.#fail('its arguments', 'an object');
    this.#values = new Map(Object.entries(values));
  }

  text(name: string): string {
    const value = this.#values.get(name);
    return typeof value === 'string' && value !== '' ? value : this.#fail(name, 'a text');
  }

  optionalText(name: string): string | undefined {
    return this.#values.get(name) === undefined || this.#values.get(name) === null ? undefined : this.text(name);
  }

  digest(name: string): Digest {
    const value = this.#values.get(name);
    return isDigest(value) ? value : this.#fail(name, 'a digest (sha256:…)');
  }

  optionalDigest(name: string): Digest | undefined {
    return this.#values.get(name) === undefined || this.#values.get(name) === null ? undefined : this.digest(name);
  }

  flag(name: string): boolean {
    const value = this.#values.get(name) ?? false;
    return typeof value === 'boolean' ? value : this.#fail(name, 'true or false');
  }

  texts(name: string): string[] {
    const value = this.#values.get(name) ?? [];
    const good = Array.isArray(value) && value.every((item) => typeof item === 'string');
    return good ? value : this.#fail(name, 'a list of texts');
  }

  object(name: string): Record<string, unknown> {
    const value = this.#values.get(name);
    const good = typeof value === 'object' && value !== null && !Array.isArray(value);
    return good ? Object.fromEntries(Object.entries(value)) : this.#fail(name, 'an object');
  }

  list(name: string): unknown[] {
    const value = this.#values.get(name);
    return Array.isArray(value) ? value : this.#fail(name, 'a list');
  }

  #fail(name: string, expected: string): never {
    throw new UsageError('control/bad-argument', `${this.#operation}: ${name} must be ${expected}`);
  }
}
