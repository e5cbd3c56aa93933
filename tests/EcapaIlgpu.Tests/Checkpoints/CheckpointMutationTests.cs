using System.Text;
using EcapaIlgpu.Checkpoints;
using FsCheck;
using FsCheck.Fluent;

namespace EcapaIlgpu.Tests.Checkpoints;

public sealed class CheckpointMutationTests
{
    private const int Count = 3000;

    private static CheckpointBuilder Small(int protocol = 2) => new CheckpointBuilder { Protocol = protocol, Wrapper = "state_dict" }
        .Add("w", TensorType.Float32, [2, 3], 1, 2, 3, 4, 5, 6).Add("h", TensorType.Float16, [2], 1, 2).Add("n", TensorType.Int64, [], 3);

    private static byte[] Safetensors => CheckpointBuilder.Safetensors(
        """{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"h":"""
        + """{"dtype":"BF16","shape":[2],"data_offsets":[24,28]}}""",
        new byte[28]);

    [Fact]
    public void Damaged_safetensors_are_read_or_refused() => Check(Mutations.Of(Safetensors));

    [Fact]
    public void Damaged_zip_checkpoints_are_read_or_refused() =>
        Check(Mutations.Of(Small().ToZip(), Small(4).ToZip(), Small().ToZip(compression: System.IO.Compression.CompressionLevel.Optimal)));

    [Fact]
    public void Damaged_pickles_in_sound_archives_are_read_or_refused()
    {
        // The archive's own checks would otherwise hide most of the pickle machine from damage.
        byte[][] pickles = [Pickle(Small().ToZip()), Pickle(Small(4).ToZip())];
        byte[] weights = CheckpointBuilder.Encode(TensorType.Float32, 1, 2, 3, 4, 5, 6);
        Check(Mutations.Of(pickles).Select(pickle => CheckpointBuilder.Zip([("a/data.pkl", pickle), ("a/data/0", weights)])));

        static byte[] Pickle(byte[] file)
        {
            using MemoryStream stream = new(file);
            using System.IO.Compression.ZipArchive archive = new(stream);
            using MemoryStream pickle = new();
            using Stream entry = archive.GetEntry("archive/data.pkl")!.Open();
            entry.CopyTo(pickle);
            return pickle.ToArray();
        }
    }

    [Fact]
    public void Damaged_legacy_checkpoints_are_read_or_refused() => Check(Mutations.Of(Small().ToLegacy(), Small(4).ToLegacy()));

    [Fact]
    public void Random_bytes_are_refused() => Check(Mutations.Noise(
        [], "PK\x03\x04"u8.ToArray(), [0x80, 2], CheckpointBuilder.LegacyHeader(), CheckpointBuilder.Safetensors(new string(' ', 20)),
        [40, 0, 0, 0, 0, 0, 0, 0, (byte)'{']));

    [Fact]
    public void Random_pickles_of_known_opcodes_are_read_or_refused()
    {
        byte[][] pieces =
        [
            .. "N0KtR(12}]).lsuaedb"u8.ToArray().Where(b => b != 'K').Select(b => (byte[])[b]),
            [0x85], [0x86], [0x87], [0x81], [0x88], [0x8F], [0x90], [0x94], [(byte)'K', 3], [0x8A, 1, 5], [(byte)'q', 0], [(byte)'q', 1],
            [(byte)'h', 0], [(byte)'h', 1],
            [0x8C, 7, .. "storage"u8], [0x8C, 1, (byte)'0'], [0x8C, 10, .. "state_dict"u8], [(byte)'Q'],
            Encoding.ASCII.GetBytes("ccollections\nOrderedDict\n"), Encoding.ASCII.GetBytes("ctorch._utils\n_rebuild_tensor_v2\n"),
            Encoding.ASCII.GetBytes("ctorch\nFloatStorage\n"), Encoding.ASCII.GetBytes("I12\n"), Encoding.ASCII.GetBytes("ctorch\nSize\n"),
        ];
        Check(
            from length in Gen.Choose(1, 200)
            from program in Gen.ArrayOf(Gen.Elements(pieces), length)
            select (byte[])[.. CheckpointBuilder.LegacyHeader(), 0x80, 4, .. program.SelectMany(p => p), (byte)'.']);
    }

    [Theory]
    [InlineData("(d0")]
    [InlineData("]Na0")]
    [InlineData("}U\u0001aNs0")]
    [InlineData("K\u00070")]
    [InlineData("NN\u0086\u0094" + "0")]
    [InlineData("ccollections\nOrderedDict\n)R0")]
    [InlineData("U\u0001a0")]
    [InlineData("(0")]
    public void Long_pickles_take_memory_in_proportion(string pattern)
    {
        byte[] piece = Encoding.Latin1.GetBytes(pattern);
        IEnumerable<byte> pieces = Enumerable.Repeat(piece, 200_000 / piece.Length).SelectMany(p => p);
        byte[] file = [.. CheckpointBuilder.LegacyHeader(), 0x80, 2, .. pieces, (byte)'N', (byte)'.'];
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InputException>(() => Checkpoint.Load(file, "long"));
        Mutations.AssertInProportion(GC.GetAllocatedBytesForCurrentThread() - before, file.Length);
    }

    private static void Check(Gen<byte[]> files) => Mutations.Check(files, Count, file => Checkpoint.Load(file, "damaged"));
}
