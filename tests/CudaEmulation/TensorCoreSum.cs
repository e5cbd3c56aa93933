namespace CudaEmulation;

/// <summary>
/// How the least exact tensor cores that mma.sync of these formats runs on add, the A100's, as published probes describe them: some exact
/// products at a time (four of tf32, eight of 16 bits), all cut off below the 24 bits of the largest of them and of the sum before, and the
/// result cut off to 24 bits.
/// </summary>
public static class TensorCoreSum
{
    /// <summary>The sum after one instruction.</summary>
    /// <param name="sum">The sum before.</param>
    /// <param name="products">Of all its depth, half of which is added at a time.</param>
    public static float Add(float sum, ReadOnlySpan<double> products)
    {
        int half = products.Length / 2;
        return AddAtOnce(AddAtOnce(sum, products[..half]), products[half..]);
    }

    private static float AddAtOnce(double sum, ReadOnlySpan<double> products)
    {
        double largest = Math.Abs(sum), exact = sum;
        foreach (double product in products)
        {
            largest = Math.Max(largest, Math.Abs(product));
            exact += product;
        }
        if (largest == 0 || !double.IsFinite(largest))
            return (float)exact;
        int places = 23 - Math.Max(Math.ILogB(largest), -126);
        double total = Math.Truncate(Math.ScaleB(sum, places));
        foreach (double product in products)
            total += Math.Truncate(Math.ScaleB(product, places));
        // A double has 29 more bits.
        return (float)BitConverter.Int64BitsToDouble(BitConverter.DoubleToInt64Bits(Math.ScaleB(total, -places)) & (-1L << 29));
    }
}
