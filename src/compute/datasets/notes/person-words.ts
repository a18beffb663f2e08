import { tagsOf } from '../captions.ts';

// Whether a caption speaks of a person, by words of a dozen languages and the tags of booru sites. A heuristic and no
// more: it does not know who is meant, misses every way of saying it that is not here, and takes a statue for a man.

/** What a caption says: a name is a person, too. */
export type CaptionSubject = 'name' | 'person' | 'none';

/** Whole words, in lower case. Languages that write without spaces stand below. */
const WORDS: Readonly<Record<string, string>> = {
  en: 'man men woman women boy boys girl girls guy lady gentleman person people human child children kid kids baby teenager selfie actor actress singer bride groom portrait headshot mother father',
  de: 'mann männer frau frauen junge jungen mädchen person personen mensch menschen kinder baby porträt portrait selfie schauspieler schauspielerin sängerin sänger braut',
  fr: 'homme hommes femme femmes garçon fille filles personne personnes enfant enfants bébé portrait acteur actrice chanteuse chanteur mariée',
  es: 'hombre hombres mujer mujeres niño niña niños niñas chico chica persona personas bebé retrato actor actriz cantante novia',
  pt: 'homem homens mulher mulheres menino menina rapaz moça pessoa pessoas criança crianças bebê retrato ator atriz cantora cantor noiva',
  it: 'uomo uomini donna donne ragazzo ragazza bambino bambina persona persone ritratto attore attrice cantante sposa',
  nl: 'vrouw vrouwen jongen meisje persoon personen mens mensen kinderen portret acteur actrice zangeres bruid',
  pl: 'mężczyzna kobieta kobiety chłopiec dziewczyna dziewczynka osoba osoby dziecko dzieci portret aktor aktorka',
  ru: 'мужчина мужчины женщина женщины мальчик девочка девушка парень человек люди ребёнок ребенок дети портрет селфи актёр актриса певица',
  uk: 'чоловік жінка хлопець дівчина хлопчик дівчинка людина люди дитина портрет',
  tr: 'kadın erkek kız çocuk kişi insan bebek portre oyuncu',
};
const UNSPACED =
  /男性|女性|少年|少女|男の子|女の子|人物|赤ちゃん|肖像|自撮り|男人|女人|男孩|女孩|孩子|人像|자화상|남자|여자|소년|소녀|사람|인물|아기/u;
/** `1girl`, `2boys`, `6+girls`, `multiple others`, `solo`. */
const TAG =
  /^(?:\d{1,2}\+? ?(?:girl|boy|other|woman|man)s?|multiple (?:girls|boys|others)|solo(?: focus)?|male focus)$/;
/** “A photo of”, in the languages that write names with capitals; a name follows it. */
const PHOTO_OF =
  /(?<!\p{L})(?:photo|photograph|picture|portrait|selfie|headshot|foto|fotografie|bild|porträt|retrato|ritratto|portret|zdjęcie|фото|портрет|fotoğrafı)\s(?:(?:of|von|vom|de|di|van|da|do)\s)?/giu;
/** At least two words, for one with a capital stands at the start of every sentence. */
const NAME = /^\p{Lu}[\p{Ll}'’-]+\s\p{Lu}[\p{Ll}'’-]+/u;

const KNOWN = new Set(Object.values(WORDS).flatMap((words) => words.split(' ')));
/** A caption is at most 2,000 characters; what is longer came from elsewhere. */
const MOST_CHARS = 4_000;

export function captionSubject(caption: string): CaptionSubject {
  const text = caption.slice(0, MOST_CHARS).normalize('NFC');
  for (const { index, 0: words } of text.matchAll(PHOTO_OF)) {
    if (NAME.test(text.slice(index + words.length, index + words.length + 100))) return 'name';
  }
  if (UNSPACED.test(text)) return 'person';
  if (tagsOf(text.toLowerCase().replaceAll('_', ' ')).some((tag) => TAG.test(tag))) return 'person';
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  return words.some((word) => KNOWN.has(word)) ? 'person' : 'none';
}
