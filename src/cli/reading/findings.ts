/** Collects damage and unreadable files of a spool. */

import { reasonOf } from '../../spool/format/file-system.ts';
import { EXIT, type ExitCode, tell } from '../console/output.ts';

export interface Finding {
  /** `note`: no damage, but worth knowing. */
  readonly kind: 'damage' | 'unreadable' | 'note';
  /** Relative to the directory of the spool. */
  readonly path: string;
  readonly what: string;
}

export class Findings {
  readonly #found: (finding: Finding) => void;
  #isDamaged = false;
  #isUnreadable = false;

  /** @param found default: prints all findings but notes to standard error. */
  constructor(found: (finding: Finding) => void = tellPeople) {
    this.#found = found;
  }

  get exitCode(): ExitCode {
    if (this.#isDamaged) return EXIT.damaged;
    return this.#isUnreadable ? EXIT.unreadable : EXIT.done;
  }

  damage(path: string, what: string): void {
    this.#isDamaged = true;
    this.#found({ kind: 'damage', path, what });
  }

  unreadable(path: string, error: unknown): void {
    this.#isUnreadable = true;
    this.#found({ kind: 'unreadable', path, what: reasonOf(error) });
  }

  /** A file of a version that this one cannot read. */
  newer(path: string): void {
    this.#isUnreadable = true;
    this.#found({ kind: 'unreadable', path, what: 'written by a newer version of otel-spillway' });
  }

  note(path: string, what: string): void {
    this.#found({ kind: 'note', path, what });
  }
}

function tellPeople({ kind, path, what }: Finding): void {
  if (kind !== 'note') tell(`${path}: ${kind === 'damage' ? 'damaged: ' : ''}${what}`);
}
