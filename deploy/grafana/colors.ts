/** Okabe and Ito's colours, which colour-blind people can tell apart too: jfly.uni-koeln.de/color. */
export const ORANGE = '#E69F00';
export const SKY = '#56B4E9';
export const GREEN = '#009E73';
export const BLUE = '#0072B2';
export const VERMILION = '#D55E00';
export const PURPLE = '#CC79A7';
export const GREY = '#999999';
/** Of the theme's text: nothing to look at. */
export const PLAIN = 'text';

export const CAUSE_COLORS = {
  timeout: ORANGE,
  deleted: VERMILION,
  ipvs: PURPLE,
  kernel: BLUE,
  unseen: SKY,
  unknown: GREY,
};
export const OUTCOME_COLORS = { reset: VERMILION, stalled: BLUE };
export const VERDICT_COLORS = { ...OUTCOME_COLORS, survived: GREEN };
export const REASON_COLORS = { no_keepalive: VERMILION, slow_keepalive: ORANGE, unknown: GREY };
export const RENEWAL_COLORS = { renewed: GREEN, changed: SKY, gone: GREY, failed: VERMILION };
export const PROTECTION_COLORS = { protected: GREEN, 'would be at risk': ORANGE };
