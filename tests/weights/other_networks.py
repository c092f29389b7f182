"""Networks that are no Wide ResNet for CIFAR: their layers with weights."""

from tests.weight_files import Network


def vgg16():
    """With batch normalization and biases, as Keras programs have it for CIFAR-10."""
    net = Network(biases=True)
    channels = 3
    for width in (64, 64, 128, 128, *[256] * 3, *[512] * 6):
        net.conv("conv", 3, channels, width)
        net.bn("bn", width)
        channels = width
    net.dense("dense", 512, 512)
    net.dense("dense", 512, 10)
    return net.layers


def densenet(*, bottleneck):
    """DenseNet of 40 layers with growth rate 12, or its BC variant of 22."""
    net, growth = Network(), 12
    channels = 2 * growth if bottleneck else 16
    net.conv("stem", 3, 3, channels)
    for block in range(3):
        for _ in range(3 if bottleneck else 12):
            net.bn("bn", channels)
            inputs = channels
            if bottleneck:
                net.conv("conv", 1, channels, 4 * growth)
                net.bn("bn", 4 * growth)
                inputs = 4 * growth
            net.conv("conv", 3, inputs, growth)
            channels += growth
        if block < 2:
            net.bn("bn", channels)
            smaller = channels // 2 if bottleneck else channels
            net.conv("transition", 1, channels, smaller)
            channels = smaller
    net.bn("bn", channels)
    net.dense("dense", channels, 10)
    return net.layers


def bottleneck_resnet():
    """He's pre-activation ResNet-164: 1x1, 3x3 and 1x1 convolutions."""
    net, channels = Network(), 16
    net.conv("stem", 3, 3, 16)
    for width in (16, 32, 64):
        for block in range(18):
            net.bn("bn", channels)
            net.conv("conv", 1, channels, width)
            net.bn("bn", width)
            net.conv("conv", 3, width, width)
            net.bn("bn", width)
            net.conv("conv", 1, width, 4 * width)
            if not block:
                net.conv("shortcut", 1, channels, 4 * width)
            channels = 4 * width
    net.bn("bn", channels)
    net.dense("dense", channels, 10)
    return net.layers


def wide_resnet_50_2():
    """Torchvision's network of that name, which is one for ImageNet."""
    net, channels = Network(), 64
    net.conv("stem", 7, 3, 64)
    net.bn("bn", 64)
    for width, blocks in ((128, 3), (256, 4), (512, 6), (1024, 3)):
        for block in range(blocks):
            net.conv("conv", 1, channels, width)
            net.bn("bn", width)
            net.conv("conv", 3, width, width)
            net.bn("bn", width)
            net.conv("conv", 1, width, 2 * width)
            net.bn("bn", 2 * width)
            if not block:
                net.conv("shortcut", 1, channels, 2 * width)
                net.bn("bn", 2 * width)
            channels = 2 * width
    net.dense("dense", channels, 1000)
    return net.layers


def mobilenet():
    """Depthwise convolutions, which filter each channel apart."""
    net, channels = Network(), 32
    net.conv("stem", 3, 3, 32)
    net.bn("bn", 32)
    for width in (64, 128, 128, 256):
        net.conv("depthwise", 3, channels, 1)
        net.bn("bn", channels)
        net.conv("pointwise", 1, channels, width)
        net.bn("bn", width)
        channels = width
    net.dense("dense", channels, 10)
    return net.layers


def for_64x64(*, heads=(10,), groups=3):
    """A Wide ResNet for larger images.

    It has more pixels before its dense layers, of which yu4u's for faces has two; or a
    fourth group.
    """
    net, channels = Network(), 16
    net.conv("conv1", 3, 3, 16)
    for width in (32, 64, 128, 256)[:groups]:
        net.bn("bn", channels)
        net.conv("conv", 3, channels, width)
        net.bn("bn", width)
        net.conv("conv", 3, width, width)
        net.conv("shortcut", 1, channels, width)
        channels = width
    net.bn("bn", channels)
    for classes in heads:
        net.dense("dense", channels if groups == 4 else 256 * channels, classes)
    return net.layers
