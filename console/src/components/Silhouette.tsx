/** Stands where a photograph of the patient would be. */
export function Silhouette() {
  return (
    <svg class="silhouette" viewBox="0 0 40 48" role="img" aria-label="no photograph">
      <rect width="40" height="48" rx="3" class="silhouette-ground" />
      <circle cx="20" cy="18" r="8.5" class="silhouette-shape" />
      <path d="M4 48c1-13 8-18 16-18s15 5 16 18Z" class="silhouette-shape" />
    </svg>
  );
}
