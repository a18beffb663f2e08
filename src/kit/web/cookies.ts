import type { Ctx } from './state.ts';

/** Cookies of one origin: `__Host-` and `Secure` on https, plain names on http (DESIGN.md section 6). */
export class Cookies {
  readonly #isHttps: boolean;

  constructor(isHttps: boolean) {
    this.#isHttps = isHttps;
  }

  #name(name: string): string {
    return this.#isHttps ? `__Host-${name}` : name;
  }

  read(ctx: Ctx, name: string): string | null {
    return ctx.cookies.get(this.#name(name), { signed: false }) ?? null;
  }

  /** Without `expiresAt` the cookie goes with the browser. */
  write(ctx: Ctx, name: string, value: string, expiresAt?: Date): void {
    const parts = [`${this.#name(name)}=${encodeURIComponent(value)}`, 'Path=/', 'HttpOnly', 'SameSite=Lax'];
    if (this.#isHttps) parts.push('Secure');
    if (expiresAt) parts.push(`Expires=${expiresAt.toUTCString()}`);
    ctx.append('Set-Cookie', parts.join('; '));
  }

  clear(ctx: Ctx, name: string): void {
    this.write(ctx, name, '', new Date(0));
  }
}
