/// A field `A` bytes into a header of fixed length.
pub(super) struct At<const A: usize>;

impl<const A: usize> At<A> {
    /// Reads its `N` bytes.
    #[inline]
    pub(super) fn get<const N: usize, const LEN: usize>(header: &[u8; LEN]) -> [u8; N] {
        const { assert!(A + N <= LEN, "the field is inside the header") };
        let mut field = [0; N];
        field.copy_from_slice(&header[A..A + N]);
        field
    }

    /// Writes them.
    #[inline]
    pub(super) fn put<const N: usize, const LEN: usize>(header: &mut [u8; LEN], field: [u8; N]) {
        const { assert!(A + N <= LEN, "the field is inside the header") };
        header[A..A + N].copy_from_slice(&field);
    }
}
