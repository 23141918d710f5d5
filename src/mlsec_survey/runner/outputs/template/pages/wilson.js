// Wilson's score interval (1927) of a share, for pages that count in the browser.
const wilson = (count, n, z) => {
  const p = count / n, z2 = z * z, centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const half = (z / (1 + z2 / n)) * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
  return [count === 0 ? 0 : centre - half, count === n ? 1 : centre + half];
};
