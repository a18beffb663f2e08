/** SPDX identifiers of what models are published under; what is not on the SPDX list is marked `LicenseRef-`. */
export const LICENSES = [
  ['LicenseRef-CreativeML-OpenRAIL-M', 'CreativeML OpenRAIL-M'],
  ['LicenseRef-CreativeML-OpenRAIL-plus-plus-M', 'CreativeML OpenRAIL++-M'],
  ['Apache-2.0', 'Apache License 2.0'],
  ['MIT', 'MIT License'],
  ['CC0-1.0', 'Creative Commons Zero 1.0 (public domain)'],
  ['CC-BY-4.0', 'Creative Commons Attribution 4.0'],
  ['CC-BY-SA-4.0', 'Creative Commons Attribution Share Alike 4.0'],
  ['CC-BY-NC-4.0', 'Creative Commons Attribution Non Commercial 4.0'],
  ['CC-BY-NC-SA-4.0', 'Creative Commons Attribution Non Commercial Share Alike 4.0'],
  ['CC-BY-ND-4.0', 'Creative Commons Attribution No Derivatives 4.0'],
  ['CC-BY-NC-ND-4.0', 'Creative Commons Attribution Non Commercial No Derivatives 4.0'],
  ['AGPL-3.0-or-later', 'GNU Affero General Public License 3.0 or later'],
  ['GPL-3.0-or-later', 'GNU General Public License 3.0 or later'],
  ['BSD-3-Clause', 'BSD 3-Clause'],
  ['LicenseRef-FLUX-1-dev-Non-Commercial', 'FLUX.1 [dev] Non-Commercial License'],
  ['LicenseRef-Stability-AI-Community', 'Stability AI Community License'],
  ['LicenseRef-Fair-AI-Public-1.0-SD', 'Fair AI Public License 1.0-SD'],
  ['LicenseRef-other', 'Another licence, named in the description'],
] as const;

const IDS = new Map<string, string>(LICENSES.map(([id]) => [id.toLowerCase(), id]));
const NAMES = new Map<string, string>(LICENSES.map(([id, name]) => [name.toLowerCase(), id]));

/** As trainers write them into headers. */
const ALIASES = new Map<string, string>([
  ['openrail', 'LicenseRef-CreativeML-OpenRAIL-M'],
  ['creativeml-openrail-m', 'LicenseRef-CreativeML-OpenRAIL-M'],
  ['openrail++', 'LicenseRef-CreativeML-OpenRAIL-plus-plus-M'],
  ['openrail++-m', 'LicenseRef-CreativeML-OpenRAIL-plus-plus-M'],
  ['creativeml-openrail++-m', 'LicenseRef-CreativeML-OpenRAIL-plus-plus-M'],
]);

export const isLicense = (id: string): boolean => LICENSES.some(([known]) => known === id);

/** What a header calls its licence, as one of ours; null when it is none that we know. */
export function matchLicense(text: string): string | null {
  const wanted = text.trim().toLowerCase();
  const dashed = wanted.replaceAll(' ', '-');
  return IDS.get(dashed) ?? NAMES.get(wanted) ?? ALIASES.get(dashed) ?? null;
}

export const licenseName = (id: string): string => LICENSES.find(([known]) => known === id)?.[1] ?? id;
