using System.Buffers.Binary;
using System.Text.Json;
using EcapaIlgpu.Checkpoints;

namespace EcapaIlgpu.Tests.Checkpoints;

public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ecapa").FullName;

    private static NamedTensor[] Tensors =>
    [
        new("z.weight", [2, 2], TensorType.Float32, new float[] { 1, -2, 0.333333f, 1e-30f }),
        new("a \"name\"", [], TensorType.Float64, new float[] { 65504 }),
        new("empty", [0, 3], TensorType.Float32, default),
    ];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_is_written_reads_back_to_the_bit_and_in_order()
    {
        Checkpoint read = Checkpoint.Load(Write(TensorType.Float32));
        Assert.Equal(CheckpointFormat.Safetensors, read.Format);
        Assert.Equal(["z.weight", "a \"name\"", "empty"], read.Tensors.Keys);
        foreach (NamedTensor tensor in Tensors)
        {
            Assert.Equal(tensor.Shape, read.Tensors[tensor.Name].Shape);
            Assert.Equal(tensor.Values.ToArray(), read.Tensors[tensor.Name].Values.ToArray());
        }
        Assert.Equal(new Dictionary<string, string> { ["format"] = "pt", ["a"] = "b" }, read.Metadata);
    }

    [Fact]
    public void The_layout_is_that_of_the_format()
    {
        byte[] file = File.ReadAllBytes(Write(TensorType.Float16));
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        Assert.Equal(0, length % 8);
        using JsonDocument header = JsonDocument.Parse(file.AsMemory(8, length));
        long offset = 0;
        foreach (JsonProperty tensor in header.RootElement.EnumerateObject().Where(p => p.Name != "__metadata__"))
        {
            Assert.Equal("F16", tensor.Value.GetProperty("dtype").GetString());
            long[] offsets = [.. tensor.Value.GetProperty("data_offsets").EnumerateArray().Select(o => o.GetInt64())];
            Assert.Equal(offset, offsets[0]);
            offset = offsets[1];
        }
        Assert.Equal(8 + length + offset, file.Length);
        Assert.Equal(file, File.ReadAllBytes(Write(TensorType.Float16)));
    }

    [Theory]
    [InlineData(TensorType.Float16, 0.333333f, 0.33325195f)]
    [InlineData(TensorType.Float16, 1e-30f, 0f)]
    [InlineData(TensorType.BFloat16, 0.333333f, 0.33398438f)]
    [InlineData(TensorType.BFloat16, 1.00390625f, 1f)] // A tie, to even: down.
    [InlineData(TensorType.BFloat16, 1.01171875f, 1.015625f)] // A tie, to even: up.
    public void Narrow_types_round_to_nearest(TensorType type, float value, float expected)
    {
        using MemoryStream stream = new();
        SafetensorsWriter.Write(stream, "memory", [new NamedTensor("w", [1], TensorType.Float32, new[] { value })], type);
        Assert.Equal([expected], Checkpoint.Load(stream.ToArray(), "memory").Tensors["w"].Values.ToArray());
    }

    [Fact]
    public void Numbers_beyond_the_range_are_an_error_and_leave_no_file()
    {
        string path = Path.Combine(_folder, "large.safetensors");
        InputException error = Assert.Throws<InputException>(
            () => SafetensorsWriter.Write(path, [new NamedTensor("w", [1], TensorType.Float32, new[] { 65520f })], TensorType.Float16));
        Assert.Contains("tensor w holds numbers beyond the range of F16", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_an_error()
    {
        string path = Path.Combine(_folder, "absent", "model.safetensors");
        Assert.Equal(path, Assert.Throws<InputException>(() => SafetensorsWriter.Write(path, Tensors)).InputName);
    }

    [Fact]
    public void An_existing_file_is_replaced()
    {
        string path = Path.Combine(_folder, "model.safetensors");
        File.WriteAllText(path, "something else");
        SafetensorsWriter.Write(path, Tensors);
        Assert.Equal(3, Checkpoint.Load(path).Tensors.Count);
        Assert.Single(Directory.GetFiles(_folder));
    }

    private string Write(TensorType type)
    {
        string path = Path.Combine(_folder, $"{type}.safetensors");
        SafetensorsWriter.Write(path, Tensors, type, new Dictionary<string, string> { ["format"] = "pt", ["a"] = "b" });
        return path;
    }
}
