import { lookup, Resolver } from 'node:dns/promises';

/** Turns a name into addresses. An empty list and a rejection both mean that there is no such host. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/**
 * Asks the name servers directly. `dns.lookup` would hold one of libuv's four threads for each slow name, and with
 * them all file access of the process; it would also answer from /etc/hosts, which names no peers.
 */
export const askNameServers: Resolve = async (hostname) => {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
};

/** As the machine itself would: for hosts that the operator names, and for peers on the same machine. */
export const askSystem: Resolve = async (hostname) =>
  (await lookup(hostname, { all: true, order: 'verbatim' })).map(({ address }) => address);
