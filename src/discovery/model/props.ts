import type { ConflictView } from '../../catalogue/lineage/conflict-view.ts';
import type { EarlyView } from '../../economy/early/view.ts';
import type { LicenceShelf } from '../../economy/licences/view.ts';
import type { Reviews } from '../../gallery/reviews/list.ts';
import type { Conversation } from '../../gallery/talk/conversation.ts';
import type { TopicFollowView } from '../../gallery/topics/follow.ts';
import type { OwnerView, PictureView } from '../../gallery/views.ts';
import type { PageHead } from '../../kit/web/views.ts';
import type { PermissionLine } from '../../moderation/rights/view.ts';
import type { Visibility } from '../../safety/audience.ts';
import type { Subject } from '../../safety/policy.ts';
import type { TileView } from '../cards.ts';
import type { TabView } from '../lists/address.ts';
import type { FactView } from './facts.ts';
import type { FileView } from './files.ts';
import type { LineageView } from './graph/view.ts';

export interface ModelPage {
  readonly id: number;
  readonly name: string;
  readonly url: string;
  readonly type: string;
  readonly baseModel: string;
  readonly rating: string;
  readonly visibility: Visibility;
  readonly owner: OwnerView;
  readonly isRemote: boolean;
  readonly originalUrl: string | null;
  readonly description: string;
  readonly tags: readonly { readonly label: string; readonly href: string }[];
  readonly stats: readonly { readonly label: string; readonly value: number; readonly icon: string }[];
  readonly liked: boolean;
  /** Of a model of elsewhere: what its home says. Null for ours. */
  readonly claims: { readonly downloads: number; readonly likes: number } | null;
  readonly shareCount: number;
  readonly shared: boolean;
  readonly canShare: boolean;
  /** Null where it cannot be followed: what is not public. */
  readonly follow: TopicFollowView | null;
  readonly likeCount: number;
  /** Null for those who may not pin it. */
  readonly pinned: boolean | null;
  readonly versions: readonly TabView[];
  readonly version: {
    readonly id: number;
    readonly name: string;
    readonly state: Subject['state'];
    readonly publishAt: string | null;
    readonly changelog: string;
    readonly words: readonly string[];
    readonly settings: readonly FactView[];
  };
  readonly details: readonly FactView[];
  readonly files: readonly FileView[];
  readonly download: { readonly url: string; readonly totalBytes: number } | null;
  readonly generateUrl: string | null;
  readonly permissions: readonly { readonly text: string; readonly symbol: string }[];
  /** Where what it was made from grants less than it says. */
  readonly conflicts: readonly ConflictView[];
  readonly license: FactView | null;
  /** Whom a decision names as its origin; '' for none. */
  readonly creditLine: string;
  readonly isNameRemoved: boolean;
  /** Made with something that was taken down after a claim. */
  readonly isLabelled: boolean;
  /** Null for what everybody has. */
  readonly early: EarlyView | null;
  readonly licences: LicenceShelf;
  /** Rights holders who licensed what it uses. */
  readonly withPermission: readonly PermissionLine[];
  readonly lineage: LineageView;
  readonly covers: readonly PictureView[];
  readonly gallery: readonly TileView[];
  readonly galleryUrl: string;
  readonly postUrl: string;
  readonly reviews: Reviews;
  readonly conversation: Conversation;
  readonly signInUrl: string;
  readonly mine: boolean;
  readonly page: PageHead;
}
