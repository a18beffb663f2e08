import type { EngineEvent } from './protocol.ts';

/** Commands that wait for an answer of their own, by their ids. */
export class Replies {
  readonly #waiting = new Map<number, (event: EngineEvent | null) => void>();

  /** The answer, or null when none came in time or the engine ended. */
  wait(id: number, limitMs: number): Promise<EngineEvent | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        resolve(null);
      }, limitMs);
      this.#waiting.set(id, (event) => {
        clearTimeout(timer);
        resolve(event);
      });
    });
  }

  take(event: EngineEvent): void {
    if (!('id' in event) || event.id === undefined || event.t === 'ack') return;
    this.#waiting.get(event.id)?.(event);
    this.#waiting.delete(event.id);
  }

  endAll(): void {
    for (const answer of this.#waiting.values()) answer(null);
    this.#waiting.clear();
  }
}
