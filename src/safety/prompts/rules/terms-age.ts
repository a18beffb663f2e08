import type { TermList } from './schema.ts';

// Words by which a text speaks of somebody who is no adult: plain dictionary words and what the trade of such pictures
// calls them, because a filter has to know what it refuses. A `*` at the end leaves the ending open; `any` is for all
// languages. An age in numbers is match/ages.ts.

export const MINOR: TermList = {
  en: `child, children, childlike, kid, kids, toddler, toddlers, infant, infants, newborn, baby, babies, preschooler,
preschoolers, preteen, preteens, pre teen, tween, tweens, teen, teens, teenager, teenagers, teenage, teenaged, adolescent,
adolescents, minors, minor girl, minor boy, underage, underaged, under age, under aged, prepubescent, pubescent, jailbait,
barely legal, little girl, little girls, little boy, little boys, young girl, young girls, young boy, young boys, small girl,
small boy, schoolgirl, schoolgirls, schoolboy, schoolboys, school girl, school girls, school boy, school boys,
schoolchild, schoolchildren, schoolkid, schoolkids, kindergarten, kindergartner, elementary school, primary school,
grade schooler, middle school, middle schooler, junior high, high schooler, high schoolers, high school girl, high school boy,
aged down, age regression, age regressed, deaged, cub, cubs, boyhood, girlhood, pedo, pedophile, pedophilia, paedophile`,
  any: `loli, lolis, lolicon, lolita, lolitas, shota, shotas, shotacon, rori, rorikon, syota, toddlercon, 👶*, 👧*, 👦*, 🧒*`,
  es: `niño, niña, niños, niñas, ninas, ninos, niñita, niñito, chiquilla, chiquillo, nena, bebé, bebés, bebe, menor de edad,
menores de edad, menores, adolescente, adolescentes, colegiala, colegialas, colegial, infantil, quinceañera, preadolescente,
escolar, chica joven, jovencita, jovencitas, jovencito`,
  fr: `enfant, enfants, fillette, fillettes, garçonnet, petite fille, petites filles, petit garçon, petits garçons, bébé,
bébés, mineure, mineures, mineurs, adolescent, adolescente, adolescents, adolescentes, écolière, écolières, écolier,
collégienne, lycéenne, lycéennes, gamine, gamines, gamin, jeune fille, jeunes filles, jeune garçon, prépubère, nourrisson`,
  de: `kinder, kindes, kindern, kleines kind, ein kind, das kind, nacktes kind, junges kind, kleinkind*, kindlich*, mädchen, madchen, maedchen, junges mädchen, bub, buben,
kleiner junge, kleines mädchen, säugling*, minderjährig*, minderjahrig*, jugendliche, jugendlicher, jugendlichen, schülerin*,
schulmädchen, schuljunge, teenagerin, vorpubertär*, kindergartenkind*, grundschüler*`,
  pt: `criança, crianças, crianca, menina, meninas, menininha, menino, meninos, garotinha, garotinho, bebê, bebês, menor de idade,
menores de idade, adolescente, adolescentes, colegial, novinha, novinhas, estudante do ensino fundamental`,
  it: `bambina, bambine, bambino, bambini, ragazzina, ragazzine, ragazzino, ragazzini, neonato, neonata, minorenne, minorenni,
adolescente, adolescenti, scolara, scolaretta, liceale, liceali, fanciulla, fanciullo`,
  ru: `ребенок, ребёнок, ребенк*, ребёнк*, дети, детей, детьми, детск*, девочк*, девочек, мальчик*, младенец, младенц*,
малолетк*, малолетн*, малыш*, несовершеннолетн*, подросток, подростк*, школьниц*, школьник*, дошкольн*, лоли, лолит*, лоликон*,
шота, шотакон*, юная девушка`,
  ja: `子供, 子ども, こども, 児童, 幼児, 幼女, 幼い, 幼稚園*, 赤ちゃん, 赤ん坊, 女児, 男児, 少女, 少年, 女の子, 男の子, ロリ, ロリータ,
ショタ, 小学生, 中学生, 高校生, 女子高生, 女子中学生, 女子小学生, 未成年, 園児, 思春期前`,
  zh: `儿童, 兒童, 小孩, 孩子, 孩童, 幼女, 幼童, 幼儿, 幼兒, 婴儿, 嬰兒, 女童, 男童, 小女孩, 小男孩, 女孩, 男孩, 少女, 少年, 萝莉, 蘿莉,
正太, 小学生, 小學生, 初中生, 中学生, 中學生, 高中生, 未成年, 幼齿, luoli, younv, younu, xiaonvhai, xiaonuhai, xiaohai, ertong,
weichengnian, shaonv, zhengtai, luo li, you nv, xiao nv hai, xiao hai, er tong, wei cheng nian, shao nv, zheng tai`,
  ko: `어린이, 어린아이, 아이들, 아동, 유아, 아기, 꼬마, 소녀, 소년, 여자아이, 남자아이, 여아, 남아, 로리, 로리콘, 쇼타, 초등학생, 중학생, 고등학생,
여고생, 여중생, 미성년*, 청소년`,
};

/** In a negative prompt they take adulthood away. */
export const ADULT: TermList = {
  en: `adult, adults, adulthood, grown up, grown ups, grown woman, grown man, mature female, mature male, mature woman,
mature man, mature body, adult body, adult woman, adult man, over 18, 18 plus, of age`,
  es: 'adulto, adulta, adultos, adultas, mayor de edad',
  fr: 'adulte, adultes, majeure',
  de: 'erwachsen*, volljährig*',
  pt: 'adulto, adulta, adultos, adultas, maior de idade',
  it: 'adulto, adulta, adulti, adulte, maggiorenne',
  ru: 'взросл*, совершеннолетн*',
  ja: '大人, 成人, 成年',
  zh: '成人, 成年, 大人, chengren',
  ko: '성인, 어른',
};
