import type { TermList } from './schema.ts';

// Words by which a text asks for something sexual, by the rating that they stand for. Dictionary words, and no more of
// them than it takes to know what a picture would show.

/** X. */
export const EXPLICIT: TermList = {
  en: `sex, having sex, sexual, sexual intercourse, intercourse, blowjob, fellatio, cunnilingus, masturbation, masturbating,
masturbate, orgasm, ejaculation, cum, cumshot, penis, vagina, vaginal, vulva, genitals, genitalia, genital, pussy, porn, porno,
pornographic, pornography, pornstar, hentai, rape, raped, gangbang, bdsm, bondage, incest, dildo, nsfw, xxx, handjob, footjob,
creampie, futanari, fucking, fuck, fucked, molested, molesting, r 18, x rated`,
  es: 'sexo, sexual, pene, vagina, genitales, masturbación, masturbándose, orgasmo, porno, pornografía, pornográfico, violación, follando, follar',
  fr: 'sexe, sexuel, sexuelle, pénis, vagin, masturbation, orgasme, porno, pornographie, pornographique, violée, baiser sexuel, fellation',
  de: 'sexuell*, geschlechtsverkehr, penis, vagina, scheide, masturbation, orgasmus, porno*, pornografi*, vergewaltig*, ficken',
  pt: 'sexo, sexual, pênis, vagina, genitália, masturbação, orgasmo, porno, pornô, pornografia, estupro, transando',
  it: 'sesso, sessuale, pene, vagina, genitali, masturbazione, orgasmo, porno, pornografia, pornografico, stupro',
  ru: 'секс*, половой акт, пенис, вагин*, влагалищ*, мастурб*, оргазм*, порно*, изнасил*, хентай, минет, seks, porno',
  ja: 'セックス, 性交, 性行為, 性器, ペニス, 膣, オナニー, 自慰, エロ, ポルノ, レイプ, 強姦, フェラ, えっち, エッチ, 中出し, アダルト',
  zh: '性交, 做爱, 做愛, 性爱, 性愛, 性行为, 性器, 阴茎, 陰莖, 阴道, 陰道, 阴部, 自慰, 手淫, 色情, 情色, 强奸, 口交, 淫, zuoai, xingjiao, seqing, zuo ai, xing jiao, se qing',
  ko: '섹스, 성교, 성관계, 성기, 음경, 질내, 자위, 포르노, 야동, 강간, 야한, 음란',
};

/** R. */
export const NUDITY: TermList = {
  en: `nude, nudes, nudity, nudist, naked, nakedness, topless, bottomless, undressed, unclothed, clothesless, no clothes,
no clothing, without clothes, without clothing, without any clothes, nothing on, nipples, nipple, areola, areolae, breasts,
boobs, tits, bare breasts, bare chested girl, bare butt, buttocks, birthday suit, in the nude`,
  es: 'desnudo, desnuda, desnudos, desnudas, desnudez, sin ropa, pezones, pechos, tetas, en cueros',
  fr: 'nue, nues, nudité, tout nu, toute nue, à poil, dénudée, dénudé, sans vêtements, seins nus, tétons',
  de: 'nackt*, nacktheit, unbekleidet*, ohne kleidung, ohne kleider, brustwarzen, entblößt*, barbusig*',
  pt: 'nu, nua, nus, nuas, nudez, pelada, pelado, peladas, sem roupa, sem roupas, mamilos, seios',
  it: 'nuda, nudo, nude, nudi, nudità, senza vestiti, capezzoli, seno nudo',
  ru: 'гола, голая, голой, голую, голый, голые, голых, голышом, обнажен*, обнажён*, нагая, нагой, нагишом, без одежды, соски, golaya, obnazhen*, obnazhennaya',
  ja: '裸, 全裸, ヌード, 乳首, おっぱい, 丸出し, 服なし, 一糸まとわぬ, すっぽんぽん',
  zh: '裸体, 裸體, 裸, 全裸, 赤裸, 乳头, 乳頭, 乳房, 光着身子, 没穿衣服, 不穿衣服, luoti, quanluo, luo ti, quan luo, chiluo',
  ko: '나체, 누드, 알몸, 벌거벗, 젖꼭지, 전라, 옷 없이, 옷을 벗',
};

/** PG-13, and of a minor as bad as the others. */
export const SEXUALISED: TermList = {
  en: `sexy, erotic, erotica, erotically, seductive, seductively, seducing, lingerie, thong, panties, panty, underwear, upskirt,
sensual, ahegao, fetish, provocative pose, spread legs, spreading legs, legs spread, horny, lewd, lascivious, ecchi, sexualized,
sexualised, aroused, kinky, slutty, slut, sultry, cameltoe`,
  es: 'erótico, erótica, seductora, seductor, lencería, tanga, bragas, ropa interior, sensual, provocativa, cachonda',
  fr: 'érotique, séduisante, séductrice, lingerie, culotte, petite culotte, sous vêtements, sensuelle, provocante, coquine',
  de: 'erotisch*, verführerisch*, dessous, unterwäsche, höschen, sinnlich*, aufreizend*, lasziv*',
  pt: 'erótico, erótica, sedutora, lingerie, calcinha, fio dental, roupa íntima, sensual, provocante, gostosa',
  it: 'erotico, erotica, seducente, lingerie, mutandine, perizoma, biancheria intima, sensuale, provocante, sexy',
  ru: 'эротик*, эротич*, соблазнит*, сексуальн*, нижнее белье, нижнем белье, трусик*, похотлив*, erotika',
  ja: 'エロティック, 官能, 下着, パンツ丸見え, パンチラ, ランジェリー, 誘惑, 淫ら, いやらしい, セクシー, アヘ顔',
  zh: '性感, 诱惑, 誘惑, 内衣, 内裤, 內衣, 內褲, 挑逗, 撩人, xinggan, xing gan, youhuo',
  ko: '섹시*, 에로틱*, 유혹, 란제리, 속옷, 팬티, 관능',
};

/** Innocent of adults and on a beach. */
export const SWIMWEAR: TermList = {
  en: 'bikini, bikinis, micro bikini, swimsuit, swimsuits, leotard',
  es: 'bikini, bañador',
  fr: 'bikini, maillot de bain',
  de: 'bikini, badeanzug',
  pt: 'biquíni, maiô',
  it: 'bikini, costume da bagno',
  ru: 'бикини, купальник*',
  ja: 'ビキニ, 水着',
  zh: '比基尼, 泳装, 泳裝, 泳衣',
  ko: '비키니, 수영복',
};

/** What is done to a photograph of somebody. */
export const UNDRESS: TermList = {
  en: 'undress, undresses, undressing, disrobe, disrobed, strip, stripped, stripping, striptease, nudify, nudified, denude, deepnude, unclothe, x ray clothes, see through clothes, clothes off, clothing off',
  es: 'desvestir, desvestida, desvestirla, desnudar, desnúdala, desnudarla, quítale la ropa',
  fr: 'déshabiller, déshabille, déshabillée, dénuder, dénude',
  de: 'ausziehen, ausgezogen, entkleiden, entkleidet, auszieht',
  pt: 'despir, despida, despir ela, desnudar, despe',
  it: 'spogliare, spoglia, spogliata, denudare, spogliala',
  ru: 'раздень, раздеть, раздета*, раздев*, оголить, обнажи, razden*, razdet*',
  ja: '脱がせ, 脱がし, 脱がす, 脱衣, 服を脱, 脱ぐ, 脱いで, 服を消*',
  zh: '脱衣, 脱光, 脱掉, 脫衣, 脫光, 脫掉, 扒光, 去衣, tuoyi, tuoguang, tuo yi, tuo guang',
  ko: '옷을 벗, 옷 벗, 벗겨, 벗기, 탈의',
};

/** With a garment beside it, the same in other words. */
export const REMOVAL: TermList = {
  en: `remove, removes, removed, removing, removal, take off, takes off, taking off, taken off, took off, off, erase, erased,
delete, deleted, without, no, none, less, get rid of, lose, rip off, ripped off, tear off, pull off, pulled up, lift, lifted up,
pull down, discard, drop, shed, transparent, invisible, see through, out of, minus`,
  es: 'quitar, quita, quítale, quitarle, sin, eliminar, elimina, borrar, borra, retirar, retira, transparente',
  fr: 'enlever, enlève, retirer, retire, ôter, ôte, sans, supprimer, supprime, effacer, efface, transparent',
  de: 'entfernen, entferne, entfernt, ohne, weg, lösche, löschen, zieh, aus, durchsichtig*',
  pt: 'tirar, tira, tire, remover, remova, remove, sem, apagar, apaga, retirar, transparente',
  it: 'togliere, togli, rimuovere, rimuovi, senza, cancella, elimina, via, trasparente',
  ru: 'сними, снять, снята, убери, убрать, удали, удалить, без, стереть, прозрачн*',
  ja: '消す, 消して, なし, 無し, 除去, 削除, 外す, 取る, 取って, 透け*',
  zh: '去掉, 去除, 移除, 删除, 刪除, 消除, 除去, 没有, 沒有, 透明',
  ko: '제거, 지워, 없이, 없애, 삭제, 투명*',
};

export const GARMENT: TermList = {
  en: `clothes, clothing, cloth, cloths, clothe, garment, garments, dress, shirt, t shirt, blouse, skirt, pants, trousers, jeans, shorts, bra,
outfit, outfits, bikini, swimsuit, swimwear, underwear, panties, top, attire, apparel`,
  es: 'ropa, ropas, vestido, camisa, camiseta, blusa, falda, pantalones, sujetador, prendas',
  fr: 'vêtement, vêtements, habits, habit, robe, chemise, chemisier, jupe, pantalon, soutien gorge',
  de: 'kleidung, kleider, klamotten, kleid, hemd, bluse, rock, hose, bh, oberteil',
  pt: 'roupa, roupas, vestido, camisa, camiseta, blusa, saia, calça, sutiã',
  it: 'vestiti, vestito, abiti, abito, camicia, maglietta, gonna, pantaloni, reggiseno, indumenti',
  ru: 'одежд*, плать*, рубашк*, блузк*, юбк*, брюки, штаны, лифчик*, вещи',
  ja: '服, 衣服, 衣装, ドレス, シャツ, スカート, ブラ, ズボン',
  zh: '衣服, 衣裳, 衣物, 裙子, 裤子, 上衣, 胸罩, 文胸',
  ko: '옷, 의상, 드레스, 셔츠, 치마, 바지, 브라',
};

/** Phrases in which such a word means something else; what they cover does not count. */
export const INNOCENT: TermList = {
  en: `inner child, child of light, child proof, kid gloves, kid leather, kid goat, kidd, baby blue, baby pink, baby breath, babys breath, baby s breath, baby grand,
baby yoda, baby animal, baby animals, baby bird, baby birds, baby elephant, baby dragon, baby dragons, baby fox, baby deer, baby owl, baby panda,
baby penguin, baby seal, baby goat, baby tiger, baby carrots, bear cub, bear cubs, lion cub, lion cubs, tiger cub, wolf cub, fox cubs, fox cub,
teen titans, naked eye, naked mole rat, naked flame, nude lipstick, nude color, nude colour, nude heels, nude palette, nude tones,
cum laude, pussy willow, pussy willows, pussycat, pussy cat, same sex, opposite sex, sex education, chicken breasts, breasts of chicken, chicken strip,
film strip, comic strip, strip mall, strip of land, strip light, led strip, landing strip, strip mine, sunset strip, las vegas strip, gaza strip, bacon strips, strip steak,
thong sandals, string quartet, art nude study, strip lighting, comic strips, blue tits, great tits, blue tit, long tailed tits, middle school building`,
  de: 'kinderbuch, kinderbuchillustration, kinder surprise, kinder egg',
  ja: `裸足, 裸眼, 裸子植物, ピエロ, エロイカ, ヒエログリフ, フェラーリ, カロリー, フロリダ, トロリー, グロリア, ロリポップ, ロリス, エッチング,
グレイプ, ドレイプ, 少年漫画`,
  zh: '裸眼, 公正太平, 真正太阳',
  ko: '칼로리, 플로리다, 글로리아, 남아메리카, 남아프리카, 남아있, 남아 있, 전라도, 전라남도, 전라북도, 전성기, 자위대, 야한다, 해야한',
  pt: 'nu metal, art nu, nu disco, nu jazz',
};
