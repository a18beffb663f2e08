// XMP is RDF in XML. Only a few simple properties matter here, and they are cut out by searching for their names: an
// XML parser would bring entities and depth, and nothing else of the document is used.

const PROPERTIES = new Map([
  ['UserComment', 'exif:UserComment'],
  ['ImageDescription', 'tiff:ImageDescription'],
  ['description', 'dc:description'],
  ['CreatorTool', 'xmp:CreatorTool'],
  ['parameters', 'sd:parameters'],
]);

export function readXmp(xml: string): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [name, property] of PROPERTIES) {
    const text = elementOf(xml, property) ?? attributeOf(xml, property);
    if (text) texts.set(name, text);
  }
  return texts;
}

export function writeXmp(texts: ReadonlyMap<string, string>): string {
  const elements = [...texts].flatMap(([name, text]) => {
    const property = PROPERTIES.get(name);
    return property
      ? [`<${property}><rdf:Alt><rdf:li xml:lang="x-default">${escaped(text)}</rdf:li></rdf:Alt></${property}>`]
      : [];
  });
  return (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
    '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" ' +
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" ' +
    `xmlns:sd="http://ns.sd/1.0/">${elements.join('')}</rdf:Description></rdf:RDF></x:xmpmeta>`
  );
}

function elementOf(xml: string, property: string): string | null {
  const open = xml.indexOf(`<${property}`);
  const start = open < 0 ? -1 : xml.indexOf('>', open);
  const end = start < 0 ? -1 : xml.indexOf(`</${property}>`, start);
  if (end < 0) return null;
  const inside = xml.slice(start + 1, end);
  const item = inside.indexOf('<rdf:li');
  const itemStart = item < 0 ? -1 : inside.indexOf('>', item);
  const itemEnd = itemStart < 0 ? -1 : inside.indexOf('</rdf:li>', itemStart);
  return unescaped(itemEnd < 0 ? inside : inside.slice(itemStart + 1, itemEnd)).trim() || null;
}

function attributeOf(xml: string, property: string): string | null {
  const at = xml.indexOf(`${property}=`);
  const quote = xml[at + property.length + 1];
  if (at < 0 || (quote !== '"' && quote !== "'")) return null;
  const start = at + property.length + 2;
  const end = xml.indexOf(quote, start);
  return end < 0 ? null : unescaped(xml.slice(start, end)).trim() || null;
}

const ENTITIES = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
]);

const unescaped = (xml: string): string =>
  xml.replace(/&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|lt|gt|amp|quot|apos);/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return ENTITIES.get(name.toLowerCase()) ?? whole;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
