/** What the guest has asked of its network: kept in order, told as it comes, and bounded, for the guest may ask for ever. */
import { REQUEST_CHARACTERS, REQUESTS_MOST } from './limits.ts';

export interface GuestRequest {
  /**
   * `served`: a file of the recipe, whole · `missing`: a file that the recipe does not serve · `refused`: anything beyond the
   * machine at the other end of the cable, or that the proxy does not let through · `passed`: through the proxy, to its end.
   */
  readonly outcome: 'served' | 'missing' | 'refused' | 'passed';
  /** Name or address of the machine that was asked. Escaped as `what` is. */
  readonly host: string;
  /** The file's name, or what else was asked for. Escaped: safe to show. */
  readonly what: string;
  readonly sizeBytes?: number;
}

export interface RequestLog {
  readonly all: readonly GuestRequest[];
  add(request: GuestRequest): void;
  onRequest(listener: (request: GuestRequest) => void): void;
}

export function createRequestLog(): RequestLog {
  const all: GuestRequest[] = [];
  const listeners: ((request: GuestRequest) => void)[] = [];
  /** A guest that has no way out goes on trying: each place is told once. */
  const refused = new Set<string>();
  return {
    all,
    add(request) {
      if (all.length >= REQUESTS_MOST) return;
      const told = { ...request, host: printable(request.host), what: printable(request.what) };
      if (told.outcome === 'refused') {
        if (refused.has(told.what)) return;
        refused.add(told.what);
      }
      all.push(told);
      for (const listener of listeners) listener(told);
    },
    onRequest(listener) {
      listeners.push(listener);
    },
  };
}

/** The guest chooses these words: nothing but ASCII that shows, and not too much of it. */
function printable(text: string): string {
  const shown = text.replaceAll(/[^!-~ ]/g, '?');
  return shown.length > REQUEST_CHARACTERS ? `${shown.slice(0, REQUEST_CHARACTERS - 1)}~` : shown;
}
