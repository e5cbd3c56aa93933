using System.Diagnostics;

namespace EcapaIlgpu.Engines.Simd;

/// <summary>
/// Products of packed rows with packed weights: 1x1 convolutions and fully connected layers (<see cref="Run"/>), and convolutions with
/// several taps as implicit products that read rows outside their utterance as zero (<see cref="RunTaps"/>).
/// </summary>
internal sealed unsafe class RowProduct(MatrixKernel kernel, WorkerPool pool)
{
    /// <summary>
    /// Floats of input rows that one piece of work keeps in the second-level cache while the weight panels pass by: 256 KB, so that a panel
    /// of 1024 x 64 (another 256 KB) fits beside it in the 1 MB (often 2 MB) of today's server cores.
    /// </summary>
    private const int CachedFloats = 64 * 1024;

    /// <summary>Pieces per thread, where there are rows enough: lets a thread that was held up by others leave work to its peers.</summary>
    private const int PiecesPerThread = 2;

    /// <summary>Most taps of a convolution here (layer 1).</summary>
    private const int MaxTaps = 5;

    /// <summary>Most tiles that one piece of work spans: bounds the pointer table on the stack.</summary>
    private const int MaxTiles = 64;

    public MatrixKernel Kernel { get; } = kernel;

    /// <summary><c>output = epilogue(input x weights)</c> over <paramref name="rows"/> consecutive rows, on all threads.</summary>
    /// <param name="conv">One tap.</param>
    /// <param name="input">Row 0; rows of <c>conv.Inputs</c> floats.</param>
    /// <param name="inputStride">Floats from one input row to the next.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="epilogue">What happens to the sums.</param>
    /// <param name="output">Row 0, column 0.</param>
    /// <param name="outputStride">Floats from one output row to the next.</param>
    public void Run(PackedConv conv, float* input, nint inputStride, int rows, Epilogue epilogue, float* output, nint outputStride)
    {
        Debug.Assert(conv.Taps == 1);
        RunPieces(conv, rows, (from, count, firstPanel, lastPanel) =>
        {
            float** table = stackalloc float*[MaxTiles * MatrixKernel.TileRows];
            for (int r = 0; r < RoundUp(count); r++)
                table[r] = input + (Math.Min(from + r, rows - 1) * inputStride);
            RunBlock(conv, table, count, firstPanel, lastPanel, epilogue, output + (from * outputStride), outputStride);
        });
    }

    /// <summary>A convolution of dilation 1 with several taps over the rows of many utterances, on all threads.</summary>
    /// <param name="conv">The weights.</param>
    /// <param name="input">Row 0; rows of <c>conv.Inputs</c> floats, densely.</param>
    /// <param name="zeros">A row of zeros, read in place of rows outside the utterance.</param>
    /// <param name="offsets">First row of each utterance, then the number of rows.</param>
    /// <param name="epilogue">What happens to the sums.</param>
    /// <param name="output">Row 0; rows of <c>conv.Outputs</c> floats, densely.</param>
    public void RunTaps(PackedConv conv, float* input, float* zeros, int[] offsets, Epilogue epilogue, float* output)
    {
        Debug.Assert(conv.Taps <= MaxTaps);
        int rows = offsets[^1];
        RunPieces(conv, rows, (from, count, firstPanel, lastPanel) =>
        {
            float** table = stackalloc float*[MaxTiles * MatrixKernel.TileRows * MaxTaps];
            int utterance = FrameRange.UtteranceAt(offsets, from);
            for (int r = 0; r < RoundUp(count); r++)
            {
                int row = Math.Min(from + r, rows - 1);
                while (row >= offsets[utterance + 1])
                    utterance++;
                FillTaps(table, r, conv, input, row, 1, offsets[utterance], offsets[utterance + 1], zeros);
            }
            RunBlock(conv, table, count, firstPanel, lastPanel, epilogue, output + ((nint)from * conv.Outputs), conv.Outputs);
        });
    }

    /// <summary>
    /// Points the taps of tile row <paramref name="r"/> at the input rows around <paramref name="row"/>, or at
    /// <paramref name="zeros"/> outside <paramref name="first"/> to <paramref name="end"/>.
    /// </summary>
    public static void FillTaps(
        float** table, int r, PackedConv conv, float* input, int row, int dilation, int first, int end, float* zeros)
    {
        float** tile = table + (r / MatrixKernel.TileRows * MatrixKernel.TileRows * conv.Taps) + (r % MatrixKernel.TileRows);
        for (int tap = 0; tap < conv.Taps; tap++)
        {
            int source = row + ((tap - (conv.Taps / 2)) * dilation);
            tile[tap * MatrixKernel.TileRows] = source >= first && source < end ? input + ((nint)source * conv.Inputs) : zeros;
        }
    }

    /// <summary>One piece, on the calling thread: tiles of rows given by their pointers against some panels.</summary>
    /// <param name="conv">The weights.</param>
    /// <param name="table"><c>[tiles, taps, 6]</c>; the last tile's missing rows point at any readable row.</param>
    /// <param name="rows">Rows that exist.</param>
    /// <param name="firstPanel">First panel.</param>
    /// <param name="lastPanel">One past the last panel.</param>
    /// <param name="epilogue">What happens to the sums.</param>
    /// <param name="output">The piece's row 0, column 0.</param>
    /// <param name="outputStride">Floats from one output row to the next.</param>
    public void RunBlock(
        PackedConv conv, float** table, int rows, int firstPanel, int lastPanel, Epilogue epilogue, float* output, nint outputStride)
    {
        float* spare = stackalloc float[MatrixKernel.TileRows * MatrixKernel.MaxPanelWidth];
        int width = conv.PanelWidth;
        TileEpilogue whole = new() { Floor = epilogue.Relu ? 0f : float.NegativeInfinity };
        for (int panel = firstPanel; panel < lastPanel; panel++)
        {
            int first = panel * width, columns = Math.Min(width, conv.Outputs - first);
            whole.Scale = conv.Scale is null ? null : conv.Scale + first;
            whole.Shift = conv.Shift is null ? null : conv.Shift + first;
            for (int r = 0; r < rows; r += MatrixKernel.TileRows)
            {
                float** tile = table + ((nint)r * conv.Taps);
                float* target = output + (r * outputStride) + first;
                int tileRows = Math.Min(MatrixKernel.TileRows, rows - r);
                bool fits = tileRows == MatrixKernel.TileRows && columns == width;
                // The kernel writes whole tiles only; what of one is nobody's row or column stays in the spare one.
                TileEpilogue to = whole;
                to.Output = fits ? target : spare;
                to.OutputStride = fits ? outputStride : width;
                to.Start = epilogue.Accumulate ? to.Output : conv.Bias + first;
                to.StartStride = epilogue.Accumulate ? to.OutputStride : 0;
                if (!fits && epilogue.Accumulate)
                    CopyTile(target, outputStride, spare, width, tileRows, columns);
                Kernel.Multiply(tile, conv.Taps, conv.Inputs, conv.Panel(panel), to);
                if (!fits)
                    CopyTile(spare, width, target, outputStride, tileRows, columns);
            }
        }
    }

    /// <summary>Rounds up to whole tiles.</summary>
    public static int RoundUp(int rows) => (rows + MatrixKernel.TileRows - 1) / MatrixKernel.TileRows * MatrixKernel.TileRows;

    private static void CopyTile(float* source, nint sourceStride, float* target, nint targetStride, int rows, int columns)
    {
        for (int r = 0; r < rows; r++)
            new ReadOnlySpan<float>(source + (r * sourceStride), columns).CopyTo(new Span<float>(target + (r * targetStride), columns));
    }

    /// <summary>
    /// Cuts rows x panels into pieces of about equal work. How it is cut changes no bit of the result; few rows (utterance-level
    /// layers) are cut along the panels instead.
    /// </summary>
    private void RunPieces(PackedConv conv, int rows, Action<int, int, int, int> piece)
    {
        int tiles = RoundUp(rows) / MatrixKernel.TileRows;
        int cached = Math.Clamp(CachedFloats / (conv.Inputs * MatrixKernel.TileRows), 1, MaxTiles);
        int wanted = pool.Threads * PiecesPerThread;
        int rowPieces = Math.Max((tiles + cached - 1) / cached, Math.Min(wanted, tiles / 4));
        if (rowPieces > pool.Threads)
            rowPieces = (rowPieces + pool.Threads - 1) / pool.Threads * pool.Threads;
        rowPieces = Math.Max(rowPieces, 1);
        // As even as tiles allow, the larger pieces first: 50 tiles on two threads are 13 + 12 for each.
        int tilesPerPiece = tiles / rowPieces, larger = tiles % rowPieces;
        int panelPieces = rowPieces >= pool.Threads ? 1 : Math.Min(conv.Panels, (wanted + rowPieces - 1) / rowPieces);
        int panelsPerPiece = (conv.Panels + panelPieces - 1) / panelPieces;
        panelPieces = (conv.Panels + panelsPerPiece - 1) / panelsPerPiece;
        pool.Run(rowPieces * panelPieces, (item, _) =>
        {
            int rowPiece = item / panelPieces, firstPanel = item % panelPieces * panelsPerPiece;
            int from = ((rowPiece * tilesPerPiece) + Math.Min(rowPiece, larger)) * MatrixKernel.TileRows;
            int count = (tilesPerPiece + (rowPiece < larger ? 1 : 0)) * MatrixKernel.TileRows;
            piece(from, Math.Min(count, rows - from), firstPanel, Math.Min(conv.Panels, firstPanel + panelsPerPiece));
        });
    }
}
