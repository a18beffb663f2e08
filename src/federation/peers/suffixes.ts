/**
 * Endings under which names are given out to anybody: a block of one would be a block of thousands of servers. Not the
 * public suffix list, which is a quarter of a megabyte and changes each week, but its endings of two labels that are
 * common, and the free hosts under which fediverse servers are known to stand. A single label is always an ending.
 */
const SECOND_LEVELS =
  'ac co com edu gov net org or ne go gob gouv govt mil nom info ltd plc sch nhs asn id gen geek school iwi firm ind web';
const COUNTRIES =
  'uk jp au nz za br mx ar kr in il th tr tw hk sg my id ph vn pk bd ke ng gh eg ma ua pl ru cn cr pe ve ec uy py bo do gt hn ni sv pa co';
const FREE_HOSTS = [
  ...['github.io', 'gitlab.io', 'pages.dev', 'workers.dev', 'netlify.app', 'vercel.app', 'herokuapp.com', 'fly.dev'],
  ...['onrender.com', 'railway.app', 'web.app', 'firebaseapp.com', 'azurewebsites.net', 'cloudfront.net'],
  ...['amazonaws.com', 'blogspot.com', 'wordpress.com', 'tumblr.com', 'duckdns.org', 'ddns.net', 'dyndns.org'],
  ...['no-ip.org', 'eu.org', 'us.to', 'freeddns.org', 'ngrok.io', 'ngrok.app', 'trycloudflare.com', 'masto.host'],
  ...['nip.io', 'sslip.io', 'uk.com', 'us.com', 'eu.com', 'de.com', 'co.com', 'gb.net', 'in.net', 'jpn.com'],
];
const SUFFIXES: ReadonlySet<string> = new Set([
  ...COUNTRIES.split(' ').flatMap((country) => SECOND_LEVELS.split(' ').map((level) => `${level}.${country}`)),
  ...FREE_HOSTS,
]);

/** True for an ending of which many owners share, by its ASCII name. */
export const isSuffix = (host: string): boolean => !host.includes('.') || SUFFIXES.has(host);
